/** An event at a virtual time; of two at the same time, the earlier added one comes first. */
export interface Timed {
  readonly atMs: number;
  readonly order: number;
}

/** A binary heap of future events. */
export interface EventQueue<Event extends Timed> {
  push(event: Event): void;
  pop(): Event | undefined;
  peek(): Event | undefined;
}

const isBefore = (a: Timed, b: Timed): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

export function createEventQueue<Event extends Timed>(): EventQueue<Event> {
  const heap: Event[] = [];

  function up(start: number): void {
    let index = start;
    const event = heap[index]!;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = event;
  }

  function down(): void {
    const event = heap[0]!;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, event)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = event;
  }

  return {
    push(event) {
      heap.push(event);
      up(heap.length - 1);
    },
    pop() {
      const first = heap[0];
      const last = heap.pop();
      if (first === undefined || last === undefined || first === last) return first;
      heap[0] = last;
      down();
      return first;
    },
    peek: () => heap[0],
  };
}
