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

type FenceListener = Listener<FenceRequest> & {
  readonly answer: (request: FenceRequest) => Promise<void>;
};

export function createSimBus(kernel: Kernel, fenceTimeoutMs: number): SimBus {
  const listeners = new Set<Listener<FleetNews>>();
  const fences = new Map<string, Omit<FenceListener, "hear">>();

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
          from.clock.schedule(fenceTimeoutMs, () => resolve(false));
          const found = fences.get(incarnation);
          if (found === undefined || found.from.state === "dead") return;
          if (link.requests === "lost" || found.link.replies === "lost") return;
          found.from.deliver(delayOn(kernel, link) + delayOn(kernel, found.link), () => {
            found.answer(request).then(
              () => {
                if (found.link.requests === "lost" || link.replies === "lost") return;
                from.deliver(delayOn(kernel, link), () => resolve(true));
              },
              () => undefined,
            );
          });
        }),
      onFence(incarnation, answer) {
        fences.set(incarnation, { from, link, answer });
        return () => void fences.delete(incarnation);
      },
    }),
  };
  return bus;
}
