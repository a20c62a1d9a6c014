import type { Media } from "../../ports/telegram/media.ts";

/** Degrees; more is no place on Earth. */
const latitudeMax = 90;
const longitudeMax = 180;
const decimal = /^[+-]?\d{1,3}(?:\.\d{1,20})?$/;

/** A place that was sent (Latitude, Longitude, Label, Address); null for none, a text for a fault. */
export function placeIn(text: (name: string) => string): Media | string | null {
  const given = [text("Latitude"), text("Longitude")] as const;
  if (given.every((value) => value === "")) return null;
  const [latitude, longitude] = given.map((value) => (decimal.test(value) ? Number(value) : NaN));
  if (!isWithin(latitude, latitudeMax)) return `Latitude is no number from -90 to 90`;
  if (!isWithin(longitude, longitudeMax)) return `Longitude is no number from -180 to 180`;
  return {
    type: "place",
    mimeType: "application/geo+json",
    size: null,
    fileName: null,
    source: {
      kind: "place",
      latitude,
      longitude,
      label: text("Label") || null,
      address: text("Address") || null,
    },
  };
}

const isWithin = (degrees: number | undefined, max: number): degrees is number =>
  degrees !== undefined && Math.abs(degrees) <= max;
