import { DamagedBytes } from './damaged-bytes.ts'

/** Repeats what was written `distance` bytes ago; the stretches may overlap. */
export function copyBack(output: Buffer, written: number, distance: number, length: number): number {
  if (distance === 0 || distance > written) throw new DamagedBytes('a copy from before the beginning')
  if (written + length > output.length) throw new DamagedBytes('a copy runs over the end')
  if (distance >= length) {
    output.copyWithin(written, written - distance, written - distance + length)
  } else {
    for (let i = 0; i < length; i++) output[written + i] = output[written - distance + i]!
  }
  return written + length
}
