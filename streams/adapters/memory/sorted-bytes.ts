/**
 * An ordered map of bytes in memory that can be forked in constant time.
 *
 * Invariants:
 * 1. Keys ascend as unsigned bytes within a block and from block to block; no block is empty.
 * 2. A block, and the list of blocks, is changed only by the map whose `owner` token it carries. A fork gives both maps
 *    new tokens, so that whichever writes first copies what it touches and the other goes on seeing what was.
 */
import type { KeyRange, StoreEntry } from '../../ports/store.ts'

interface Block {
  readonly owner: object
  readonly keys: Buffer[]
  readonly values: Buffer[]
}

interface Blocks {
  readonly owner: object
  readonly list: Block[]
}

/** Small enough that inserting by moving the rest along is cheap, large enough that blocks are few. */
const blockCapacity = 128

export class SortedBytes {
  private owner: object = {}
  private blocks: Blocks = { owner: this.owner, list: [] }
  /** Entries in the map. */
  size = 0
  /** Bytes of all keys and values. */
  byteLength = 0

  /** An independent map with the same entries. */
  fork(): SortedBytes {
    const copy = new SortedBytes()
    copy.blocks = this.blocks
    copy.size = this.size
    copy.byteLength = this.byteLength
    this.owner = {}
    return copy
  }

  get(key: Uint8Array): Buffer | undefined {
    const block = this.blocks.list[blockFor(this.blocks.list, key)]
    if (block === undefined) return undefined
    const index = lowerBound(block.keys, key)
    return isAt(block.keys, index, key) ? block.values[index] : undefined
  }

  /** Keeps the buffers themselves: the caller must not change them afterwards. */
  set(key: Buffer, value: Buffer): void {
    if (this.blocks.list.length === 0) {
      this.ownBlocks().push({ owner: this.owner, keys: [key], values: [value] })
      this.count(1, key.length + value.length)
      return
    }
    const at = blockFor(this.blocks.list, key)
    const block = this.ownBlock(at)
    const index = lowerBound(block.keys, key)
    if (isAt(block.keys, index, key)) {
      this.count(0, value.length - block.values[index]!.length)
      block.values[index] = value
      return
    }
    block.keys.splice(index, 0, key)
    block.values.splice(index, 0, value)
    this.count(1, key.length + value.length)
    if (block.keys.length > blockCapacity) this.split(at, block)
  }

  delete(key: Uint8Array): void {
    const at = blockFor(this.blocks.list, key)
    const found = this.blocks.list[at]
    if (found === undefined) return
    const index = lowerBound(found.keys, key)
    if (!isAt(found.keys, index, key)) return
    const block = this.ownBlock(at)
    this.count(-1, -(block.keys[index]!.length + block.values[index]!.length))
    block.keys.splice(index, 1)
    block.values.splice(index, 1)
    if (block.keys.length === 0) this.ownBlocks().splice(at, 1)
  }

  /** The entries of a range in key order. The map must not change meanwhile: walk a fork. */
  *entries(range: KeyRange): Generator<StoreEntry, void, undefined> {
    const list = this.blocks.list
    let left = range.limit ?? Number.POSITIVE_INFINITY
    const step = range.reverse === true ? -1 : 1
    const start = step === 1 ? range.from : range.to
    let at = start === undefined ? (step === 1 ? 0 : list.length - 1) : blockFor(list, start)
    let index = -1
    for (let first = true; left > 0 && at >= 0 && at < list.length; at += step, first = false) {
      const { keys, values } = list[at]!
      if (first && start !== undefined) index = lowerBound(keys, start) - (step === 1 ? 0 : 1)
      else index = step === 1 ? 0 : keys.length - 1
      for (; left > 0 && index >= 0 && index < keys.length; index += step, left--) {
        const key = keys[index]!
        if (step === 1 ? isAtOrAfter(key, range.to) : isBefore(key, range.from)) return
        yield { key, value: values[index]! }
      }
    }
  }

  private count(entries: number, bytes: number): void {
    this.size += entries
    this.byteLength += bytes
  }

  private ownBlocks(): Block[] {
    if (this.blocks.owner !== this.owner) this.blocks = { owner: this.owner, list: [...this.blocks.list] }
    return this.blocks.list
  }

  private ownBlock(at: number): Block {
    const block = this.blocks.list[at]!
    if (block.owner === this.owner) return block
    const copy = { owner: this.owner, keys: [...block.keys], values: [...block.values] }
    this.ownBlocks()[at] = copy
    return copy
  }

  private split(at: number, block: Block): void {
    const half = block.keys.length >> 1
    const upper = { owner: this.owner, keys: block.keys.splice(half), values: block.values.splice(half) }
    this.ownBlocks().splice(at + 1, 0, upper)
  }
}

/** The last block that begins at or before the key, else the first. */
function blockFor(list: readonly Block[], key: Uint8Array): number {
  let low = 0
  let high = list.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (Buffer.compare(list[middle]!.keys[0]!, key) <= 0) low = middle
    else high = middle - 1
  }
  return low
}

/** The index of the first key that is not before the given one. */
function lowerBound(keys: readonly Buffer[], key: Uint8Array): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (Buffer.compare(keys[middle]!, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function isAt(keys: readonly Buffer[], index: number, key: Uint8Array): boolean {
  return index < keys.length && Buffer.compare(keys[index]!, key) === 0
}

function isAtOrAfter(key: Buffer, bound: Uint8Array | undefined): boolean {
  return bound !== undefined && Buffer.compare(key, bound) >= 0
}

function isBefore(key: Buffer, bound: Uint8Array | undefined): boolean {
  return bound !== undefined && Buffer.compare(key, bound) < 0
}
