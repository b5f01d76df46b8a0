import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SavepointDirectory, type SavepointManifest } from './savepoint-directory.ts'

const manifest = (savepoint: string, createdMs = 5): SavepointManifest => ({
  format: 1,
  savepoint,
  topology: 'cleanse',
  createdMs,
  createdBy: 'alice',
  reason: '',
  stoodStillMs: 0,
  topics: [],
  tasks: [],
})

describe('SavepointDirectory', () => {
  let folder: string
  let directory: SavepointDirectory

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'savepoint-directory-'))
    directory = new SavepointDirectory(join(folder, 'savepoints'))
  })

  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  async function made(savepoint: string, createdMs?: number): Promise<SavepointManifest> {
    const written = manifest(savepoint, createdMs)
    await directory.begin(savepoint)
    await directory.finish(written)
    return written
  }

  it('should list the newest first, and nothing before its manifest is there', async () => {
    expect(await directory.list()).toEqual([])
    const [old, young] = [await made('old', 1), await made('young', 2)]
    await directory.begin('unfinished')
    expect(await directory.list()).toEqual([young, old])
    await expect(directory.get('unfinished')).rejects.toMatchObject({ code: 'SAVEPOINT_NOT_FOUND' })
    expect(await directory.get('old')).toEqual(old)
  })

  it('should refuse a name that is there already, finished or not, until it is deleted', async () => {
    await made('one')
    await directory.begin('two')
    for (const name of ['one', 'two']) {
      await expect(directory.begin(name)).rejects.toMatchObject({ code: 'SAVEPOINT_EXISTS' })
      await directory.delete(name)
      await expect(directory.delete(name)).rejects.toMatchObject({ code: 'SAVEPOINT_NOT_FOUND' })
      await directory.begin(name)
    }
  })

  it('should never leave the directory', async () => {
    mkdirSync(join(folder, 'other'))
    for (const name of ['../other', '..', '.', '', '/etc', 'a/b', 'a\\b', '.hidden', 'a\0b', 'ä']) {
      for (const act of [
        () => directory.begin(name),
        () => directory.get(name),
        () => directory.delete(name),
      ])
        await expect(act(), JSON.stringify(name)).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' })
    }
    expect(existsSync(join(folder, 'other'))).toBe(true)
  })

  it('should refuse a manifest that was changed, is of another format, or names files elsewhere', async () => {
    const path = join(folder, 'savepoints', 'one', 'manifest.json')
    await made('one')
    const text = readFileSync(path, 'utf8')
    const { sha256, ...content } = JSON.parse(text)
    const damaged = [
      text.slice(0, -5),
      text.replace('alice', 'bob'),
      JSON.stringify({ ...content, sha256, format: 2 }),
      JSON.stringify(null),
    ]
    for (const one of damaged) {
      writeFileSync(path, one)
      await expect(directory.get('one'), one).rejects.toMatchObject({ code: 'SAVEPOINT_CORRUPT' })
    }
    expect(await directory.list()).toEqual([])
    const stray = { store: 's', isWindowed: false, file: '../../x', records: 0, bytes: 0, sha256: '' }
    const task = {
      task: 't_0',
      partition: 0,
      hasExternalSink: false,
      checkpoint: null,
      inputs: [],
      stores: [stray],
    }
    await directory.begin('two')
    await directory.finish({ ...manifest('two'), tasks: [task] })
    await expect(directory.get('two')).rejects.toMatchObject({
      code: 'SAVEPOINT_CORRUPT',
      message: expect.stringContaining('../../x'),
    })
  })

  it('should name the file that is missing', async () => {
    await directory.begin('one')
    const store = { store: 's', isWindowed: false, file: 'rows-1.records', records: 0, bytes: 0, sha256: '' }
    const task = {
      task: 't_0',
      partition: 0,
      hasExternalSink: false,
      checkpoint: null,
      inputs: [],
      stores: [store],
    }
    const written = { ...manifest('one'), tasks: [task] }
    await directory.finish(written)
    await expect(directory.check(written)).rejects.toMatchObject({
      code: 'SAVEPOINT_CORRUPT',
      message: expect.stringContaining('rows-1.records'),
    })
  })
})
