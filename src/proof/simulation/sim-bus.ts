import type { FenceRequest, FleetBus, FleetNews } from "../../ports/custody/fleet-bus.ts";
import type { Kernel, SimProcess } from "./kernel.ts";
import { delayOn, type Link } from "./link.ts";

/** The fleet's bus: it loses, delays and repeats news. */
export interface SimBus {
  view(of: { readonly from: SimProcess; readonly link: Link }): FleetBus;
  /** Share of news lost on the way to a listener. */
  lost: number;
}

interface Listener<Message> {
  readonly from: SimProcess;
  readonly link: Link;
  readonly hear: (message: Message) => void;
}

type FenceListener = Omit<Listener<FenceRequest>, "hear"> & {
  readonly answer: (request: FenceRequest) => Promise<string>;
};

export function createSimBus(kernel: Kernel, fenceTimeoutMs: number): SimBus {
  const listeners = new Set<Listener<FleetNews>>();
  /** More than one may answer for an incarnation: the first answer counts, as on NATS. */
  const fences = new Map<string, Set<FenceListener>>();

  const bus: SimBus = {
    lost: 0,
    view: ({ from, link }) => ({
      tell(news) {
        if (link.requests === "lost" || from.state === "dead") return;
        for (const listener of listeners) {
          if (listener.from.state === "dead") listeners.delete(listener);
          if (listener.link.replies === "lost" || kernel.random.chance(bus.lost)) continue;
          const copies = kernel.random.chance(listener.link.doubled) ? 2 : 1;
          for (let copy = 0; copy < copies; copy += 1) {
            const delayMs = delayOn(kernel, link) + delayOn(kernel, listener.link);
            listener.from.deliver(delayMs, () => {
              if (listeners.has(listener)) listener.hear(news);
            });
          }
        }
      },
      onNews(hear) {
        const listener = { from, link, hear };
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
      fence: (incarnation, request) =>
        new Promise((resolve) => {
          from.clock.schedule(fenceTimeoutMs, () => resolve(null));
          for (const found of fences.get(incarnation) ?? []) {
            if (found.from.state === "dead") continue;
            if (link.requests === "lost" || found.link.replies === "lost") continue;
            found.from.deliver(delayOn(kernel, link) + delayOn(kernel, found.link), () => {
              found.answer(request).then(
                (signature) => {
                  if (found.link.requests === "lost" || link.replies === "lost") return;
                  from.deliver(delayOn(kernel, link), () => resolve(signature));
                },
                () => undefined,
              );
            });
          }
        }),
      onFence(incarnation, answer) {
        const listener = { from, link, answer };
        const found = fences.get(incarnation) ?? new Set();
        fences.set(incarnation, found.add(listener));
        return () => void found.delete(listener);
      },
    }),
  };
  return bus;
}
