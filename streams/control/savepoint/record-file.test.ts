import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { StreamsError } from '../../errors.ts'
import { checkFile, type FileRecord, readRecords, writeRecords } from './record-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'record-file-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0
const newPath = (): string => join(folder, `file-${++count}.records`)

const bytes = fc.oneof(
  fc.constant(null),
  fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array)),
)
const records = fc.array(
  fc.record({
    key: bytes,
    value: bytes,
    timestampMs: fc.double({ noNaN: true }),
    headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 5 }), value: bytes }), {
      maxLength: 3,
    }),
  }),
  { maxLength: 30 },
)

async function read(path: string): Promise<FileRecord[]> {
  const found: FileRecord[] = []
  for await (const { key, value, timestampMs, headers } of readRecords(path)) {
    found.push({
      key: key === null ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      timestampMs,
      headers: headers.map((header) => ({
        key: header.key,
        value: header.value === null ? null : Buffer.from(header.value),
      })),
    })
  }
  return found
}

const record = (value: Buffer): FileRecord => ({
  key: Buffer.from('k'),
  value,
  timestampMs: 5,
  headers: [],
})

describe('a file of records', () => {
  it('should be read as it was written', async () => {
    await fc.assert(
      fc.asyncProperty(records, async (written) => {
        const path = newPath()
        const file = await writeRecords(path, 'x.records', written)
        expect(file).toMatchObject({ file: 'x.records', records: written.length })
        expect(file.bytes).toBe(readFileSync(path).length)
        await checkFile(path, file)
        expect(await read(path)).toEqual(written)
      }),
      { numRuns: 50 },
    )
  })

  it('should be read over the bounds of its pieces', async () => {
    const path = newPath()
    const written = Array.from({ length: 9 }, (_, index) => record(Buffer.alloc(100_000 * index, index)))
    await writeRecords(path, 'x.records', written)
    const found = await read(path)
    expect(found.map(({ value }) => value!.length)).toEqual(written.map(({ value }) => value!.length))
    expect(found.every(({ value }, index) => value!.equals(written[index]!.value!))).toBe(true)
  })

  it('should not be written over', async () => {
    const path = newPath()
    await writeRecords(path, 'x.records', [])
    await expect(writeRecords(path, 'x.records', [])).rejects.toMatchObject({
      code: 'STATE_DIRECTORY_UNUSABLE',
    })
  })

  it('should say that no space is left, and leave errors alone that say what to do already', async () => {
    const path = newPath()
    const failing = (error: Error) =>
      // biome-ignore lint/correctness/useYield: it fails before there is anything
      (function* (): Generator<FileRecord> {
        throw error
      })()
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    await expect(writeRecords(path, 'x.records', failing(full))).rejects.toMatchObject({
      code: 'STORAGE_FULL',
      message: expect.stringContaining('make the savepoint once more'),
    })
    const known = new StreamsError('CLOSED', 'cancelled')
    await expect(writeRecords(newPath(), 'x.records', failing(known))).rejects.toBe(known)
  })

  it('should be found damaged: longer, shorter, changed, missing', async () => {
    const damages: readonly ((path: string) => void)[] = [
      (path) => appendFileSync(path, 'x'),
      (path) => truncateSync(path, 20),
      (path) => {
        const content = readFileSync(path)
        content[content.length - 1]! ^= 1
        writeFileSync(path, content)
      },
      (path) => rmSync(path),
    ]
    for (const damage of damages) {
      const path = newPath()
      const file = await writeRecords(path, 'x.records', [record(Buffer.from('value'))])
      damage(path)
      await expect(checkFile(path, file)).rejects.toMatchObject({
        code: 'SAVEPOINT_CORRUPT',
        message: expect.stringContaining(path),
      })
    }
  })

  it('should be refused while it is read when it is cut off, or something else', async () => {
    for (const content of ['OSSPREC1\0\0', 'something else altogether', '']) {
      const path = newPath()
      writeFileSync(path, content)
      await expect(read(path)).rejects.toMatchObject({ code: 'SAVEPOINT_CORRUPT' })
    }
  })
})
