import type { FleetBus, FleetNews } from "../ports/custody/fleet-bus.ts";
import type { Signatures } from "../ports/custody/signatures.ts";
import { fencedText, letGoText, provesEnd } from "./signed-statements.ts";

/** What was said in an incarnation's name without its signature. */
export interface Unproven {
  readonly kind: "lease" | "let-go" | "ended" | "fenced";
  readonly incarnation: string;
}

/** The bus as custody hears it. What counts as proof was signed by the gate that it binds; the rest are hints. */
export interface TrustedBus extends Pick<FleetBus, "tell" | "onNews"> {
  /** `true`: the gate of that very incarnation has answered that it did what it was asked. */
  fence(...request: Parameters<FleetBus["fence"]>): Promise<boolean>;
  stop(): void;
}

export interface TrustedBusOptions {
  readonly bus: Pick<FleetBus, "tell" | "onNews" | "fence">;
  readonly signatures: Signatures;
  /** It was ignored. */
  onUnproven(what: Unproven): void;
}

/** Hears every message once and checks it once, for all listeners. */
export function createTrustedBus(options: TrustedBusOptions): TrustedBus {
  const { bus, signatures, onUnproven } = options;
  const listeners = new Set<(news: FleetNews) => void>();

  function isProven(news: Extract<FleetNews, { type: "let-go" | "ended" }>): boolean {
    if (news.type === "ended") return provesEnd(signatures, news, news.signature);
    return signatures.verify(news.incarnation, letGoText(news), news.signature);
  }

  const stop = bus.onNews((news) => {
    if ((news.type === "let-go" || news.type === "ended") && !isProven(news)) {
      return onUnproven({ kind: news.type, incarnation: news.incarnation });
    }
    for (const listener of listeners) listener(news);
  });

  return {
    tell: bus.tell,
    onNews(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async fence(incarnation, request) {
      const signature = await bus.fence(incarnation, request);
      if (signature === null) return false;
      if (signatures.verify(incarnation, fencedText(incarnation, request), signature)) return true;
      onUnproven({ kind: "fenced", incarnation });
      return false;
    },
    stop,
  };
}
