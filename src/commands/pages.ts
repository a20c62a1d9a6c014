/** The list in one answer: half of the megabyte that NATS carries, as sealing makes an answer a third longer. */
const pageBytesMax = 512 * 1024;

/**
 * The beginning of a list that one answer carries, and at least its first item. What is left out, the next page
 * brings: the answer's cursor says where it begins.
 */
export function firstThatFit<Item>(
  items: readonly Item[],
  bytesMax: number = pageBytesMax,
): readonly Item[] {
  let bytes = 0;
  const end = items.findIndex((item, index) => {
    bytes += Buffer.byteLength(JSON.stringify(item));
    return bytes > bytesMax && index > 0;
  });
  return end < 0 ? items : items.slice(0, end);
}
