/** One kind of event with its listeners, called in order of subscription, within `publish`. */
export interface Topic<T> {
  publish(event: T): void;
  /** The returned function unsubscribes. */
  subscribe(listener: (event: T) => void): () => void;
}

export function createTopic<T>(): Topic<T> {
  const listeners = new Set<(event: T) => void>();
  return {
    publish(event) {
      for (const listener of listeners) listener(event);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}
