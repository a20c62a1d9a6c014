/** Whether calls to Telegram may begin on this node: not while the lease of its gate is about to run out. */
export interface CallPermit {
  mayCall(): boolean;
  /** Takes the gate's word. */
  allow(allowed: boolean): void;
  /** Calls may begin, perhaps again. */
  onAllowed(listener: () => void): void;
}

export function createCallPermit(): CallPermit {
  const listeners: (() => void)[] = [];
  let mayCall = true;
  return {
    mayCall: () => mayCall,
    allow(allowed) {
      mayCall = allowed;
      if (allowed) for (const listener of listeners) listener();
    },
    onAllowed: (listener) => void listeners.push(listener),
  };
}
