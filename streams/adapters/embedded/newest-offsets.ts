/**
 * The newest offset of each key, in about 32 bytes a key whatever its length: a key is known by a hash of 128 bits, as
 * in Kafka's log cleaner. Among a billion keys two are alike with a chance of one in 10^20.
 */
export class NewestOffsets {
  private mask = 1023
  private hashes = new Int32Array(4 * 1024)
  /** -1 marks a free slot. */
  private offsets = new Float64Array(1024).fill(-1)
  private readonly hash = new Int32Array(4)
  /** Keys in the table. */
  size = 0

  /** Offsets of a key must come in ascending order. */
  set(bytes: Buffer, start: number, end: number, offset: number): void {
    hash128(bytes, start, end, this.hash)
    const slot = this.slotOf(this.hash, 0)
    if (this.offsets[slot]! < 0) {
      this.size++
      this.hashes.set(this.hash, slot * 4)
    }
    this.offsets[slot] = offset
    if (this.size * 4 > this.offsets.length * 3) this.grow()
  }

  /** -1 when the key is not in the table. */
  get(bytes: Buffer, start: number, end: number): number {
    hash128(bytes, start, end, this.hash)
    return this.offsets[this.slotOf(this.hash, 0)]!
  }

  private slotOf(hash: Int32Array, at: number): number {
    const { hashes, offsets, mask } = this
    for (let slot = hash[at]! & mask; ; slot = (slot + 1) & mask) {
      if (offsets[slot]! < 0) return slot
      const other = slot * 4
      if (
        hashes[other] === hash[at] &&
        hashes[other + 1] === hash[at + 1] &&
        hashes[other + 2] === hash[at + 2] &&
        hashes[other + 3] === hash[at + 3]
      ) {
        return slot
      }
    }
  }

  private grow(): void {
    const { hashes, offsets } = this
    const capacity = offsets.length * 2
    this.mask = capacity - 1
    this.hashes = new Int32Array(capacity * 4)
    this.offsets = new Float64Array(capacity).fill(-1)
    for (let i = 0; i < offsets.length; i++) {
      if (offsets[i]! < 0) continue
      const slot = this.slotOf(hashes, i * 4)
      this.offsets[slot] = offsets[i]!
      for (let word = 0; word < 4; word++) this.hashes[slot * 4 + word] = hashes[i * 4 + word]!
    }
  }
}

/** Four lanes that feed each other with every byte, finished with MurmurHash3's mixer. No step loses a bit. */
function hash128(bytes: Buffer, start: number, end: number, hash: Int32Array): void {
  let a = 0x3c074a61 ^ (end - start)
  let b = 0x6f2b7c95
  let c = 0x1b873593
  let d = 0x52dce729
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!
    a = b ^ Math.imul(a ^ byte, 0x239b961b)
    b = c ^ Math.imul(b ^ byte, 0xab0e9789 | 0)
    c = d ^ Math.imul(c ^ byte, 0x38b34ae5)
    d = a ^ Math.imul(d ^ byte, 0xa1e38b93 | 0)
  }
  a = mixed(a)
  b = mixed(b ^ a)
  c = mixed(c ^ b)
  d = mixed(d ^ c)
  hash[0] = a
  hash[1] = b
  hash[2] = c
  hash[3] = d
}

function mixed(word: number): number {
  let mix = Math.imul(word ^ (word >>> 16), 0x85ebca6b | 0)
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35 | 0)
  return mix ^ (mix >>> 16)
}
