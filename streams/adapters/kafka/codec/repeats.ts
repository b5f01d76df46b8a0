/**
 * Finds what a block of bytes repeats of itself, for the codecs that write literals and copies from earlier on.
 *
 * Invariants:
 * 1. A repeat lies wholly within its block, at most `mostDistance` behind, and is at least `leastRepeat` bytes long.
 * 2. The last bytes of a block are literals, as LZ4 demands.
 * 3. The same bytes give the same repeats: nothing is remembered from one call of `findRepeats` to the next.
 */

const leastRepeat = 4
const mostDistance = 65_535
/** No repeat starts in the last 12 bytes of a block or reaches into its last 5. */
const noStartBytes = 12
const literalEndBytes = 5
const hashBits = 14
const hashFactor = 0x9e3779b1
/** After so many misses in a row, given as a power of two, the search goes in longer steps. */
const missesPerStepBits = 6

const newestAt = new Int32Array(1 << hashBits)

/** Literals from `from` to `at`, then a copy of `length` bytes from `distance` behind. */
export type RepeatSink = (from: number, at: number, distance: number, length: number) => void

/** Gives every repeat to `emit`, in order; answers where the literals begin that are left to the end. */
export function findRepeats(bytes: Uint8Array, start: number, end: number, emit: RepeatSink): number {
  newestAt.fill(-1)
  const startLimit = end - noStartBytes
  const endLimit = end - literalEndBytes
  let from = start
  let misses = 0
  for (let at = start; at <= startLimit; ) {
    const word = wordAt(bytes, at)
    const hash = Math.imul(word, hashFactor) >>> (32 - hashBits)
    const earlier = newestAt[hash]!
    newestAt[hash] = at
    if (earlier < start || at - earlier > mostDistance || wordAt(bytes, earlier) !== word) {
      at += 1 + (misses++ >>> missesPerStepBits)
      continue
    }
    misses = 0
    let reach = at + leastRepeat
    for (let back = earlier + leastRepeat; reach < endLimit && bytes[reach] === bytes[back]; back++) reach++
    emit(from, at, at - earlier, reach - at)
    from = reach
    at = reach
  }
  return from
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}
