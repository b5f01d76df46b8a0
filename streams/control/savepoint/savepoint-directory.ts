/**
 * Savepoints as they lie in a directory: `<directory>/<name>/manifest.json`, and beside it the files that it names. docs/savepoints.md has
 * the format.
 *
 * Invariants:
 * 1. The manifest is written last, when all other files are on disk, and by renaming. A directory without one is no savepoint: its
 *    making is under way or was broken off.
 * 2. No name leads out of the directory.
 */
import { createHash } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, StreamsError } from '../../errors.ts'
import type { TopicSettings } from '../../ports/log.ts'
import type { Checkpoint } from '../../schemas/generated/records.ts'
import { isCode, unusable } from './file-errors.ts'
import { checkFile, type WrittenFile } from './record-file.ts'

export interface SavepointManifest {
  readonly format: 1
  readonly savepoint: string
  readonly topology: string
  /** Epoch milliseconds. */
  readonly createdMs: number
  readonly createdBy: string
  readonly reason: string
  /** How long the topology stood still while it was written down. */
  readonly stoodStillMs: number
  /** The topics that the topology keeps for itself, to be made anew where they are gone. */
  readonly topics: readonly TopicSettings[]
  readonly tasks: readonly SavepointTask[]
}

export interface SavepointTask {
  readonly task: string
  readonly partition: number
  /** Whether an external sink keeps its positions: then nothing of it is put back. */
  readonly hasExternalSink: boolean
  /** Its newest checkpoint; null when it had none. */
  readonly checkpoint: Checkpoint | null
  readonly inputs: readonly SavepointInput[]
  readonly stores: readonly SavepointStoreFile[]
}

export interface SavepointInput {
  readonly topic: string
  readonly partition: number
  /** Where the task reads on. */
  readonly offset: number
  /** Of a topic between sub-topologies: the records that had been written and not read yet. Null for topics from outside. */
  readonly unread: WrittenFile | null
}

export interface SavepointStoreFile extends WrittenFile {
  readonly store: string
  /** Whether its changelog forgets by itself. */
  readonly isWindowed: boolean
}

const manifestName = 'manifest.json'
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
const filePattern = /^[a-z0-9][a-z0-9-]{0,63}\.records$/

/** Letters, digits, `.`, `_` and `-`, the first one a letter or digit; 128 at most. */
export function isSavepointName(name: string): boolean {
  return namePattern.test(name)
}

export class SavepointDirectory {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** @throws CONFIGURATION_INVALID for a name that is none */
  pathOf(savepoint: string, file?: string): string {
    if (!isSavepointName(savepoint)) {
      const rule =
        'letters, digits, ".", "_" and "-", of which the first is a letter or a digit, and 128 at most'
      throw new StreamsError(
        'CONFIGURATION_INVALID',
        `"${savepoint}" is no name of a savepoint: it has ${rule}`,
        {
          details: { savepoint },
        },
      )
    }
    return file === undefined ? join(this.path, savepoint) : join(this.path, savepoint, file)
  }

  /** Begins one: an empty directory under its name. @throws SAVEPOINT_EXISTS, STORAGE_FULL, STATE_DIRECTORY_UNUSABLE */
  async begin(savepoint: string): Promise<void> {
    const path = this.pathOf(savepoint)
    try {
      await mkdir(this.path, { recursive: true })
      await mkdir(path)
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw unusable(path, error)
      const isWhole = await exists(join(path, manifestName))
      const what = isWhole
        ? 'exists already: take another name'
        : 'is being made, or that was broken off: wait'
      throw new StreamsError('SAVEPOINT_EXISTS', `savepoint ${savepoint} ${what}, or delete it first`, {
        details: { savepoint, path },
      })
    }
  }

  /** All of its files are there: from now on it is a savepoint. @throws STORAGE_FULL, STATE_DIRECTORY_UNUSABLE */
  async finish(manifest: SavepointManifest): Promise<void> {
    const path = this.pathOf(manifest.savepoint)
    try {
      await this.writeManifest(path, manifest)
    } catch (error) {
      throw unusable(path, error)
    }
  }

  private async writeManifest(path: string, manifest: SavepointManifest): Promise<void> {
    await syncDirectory(path)
    const handle = await open(join(path, `${manifestName}.new`), 'w')
    try {
      await handle.writeFile(`${JSON.stringify({ ...manifest, sha256: digestOf(manifest) }, null, 2)}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(join(path, `${manifestName}.new`), join(path, manifestName))
    await syncDirectory(path)
    await syncDirectory(this.path)
  }

  /** @throws SAVEPOINT_NOT_FOUND; SAVEPOINT_CORRUPT for a manifest that cannot be understood */
  async get(savepoint: string): Promise<SavepointManifest> {
    const path = this.pathOf(savepoint, manifestName)
    let text: string
    try {
      text = await readFile(path, 'utf8')
    } catch (error) {
      if (!isCode(error, 'ENOENT') && !isCode(error, 'ENOTDIR')) throw unusable(path, error)
      throw new StreamsError('SAVEPOINT_NOT_FOUND', `there is no savepoint ${savepoint} in ${this.path}`, {
        details: { savepoint },
      })
    }
    return manifestOf(text, path, savepoint)
  }

  /** The newest first. What cannot be understood is left out: `get` says why. */
  async list(): Promise<SavepointManifest[]> {
    let names: string[]
    try {
      names = await readdir(this.path)
    } catch (error) {
      if (isCode(error, 'ENOENT')) return []
      throw unusable(this.path, error)
    }
    const found: SavepointManifest[] = []
    for (const name of names.filter(isSavepointName)) {
      const manifest = await this.get(name).catch((error: unknown) => {
        if (error instanceof StreamsError && error.code.startsWith('SAVEPOINT_')) return undefined
        throw error
      })
      if (manifest !== undefined) found.push(manifest)
    }
    return found.sort((a, b) => b.createdMs - a.createdMs || (a.savepoint < b.savepoint ? -1 : 1))
  }

  /** Also one whose making was broken off. The manifest goes first. @throws SAVEPOINT_NOT_FOUND */
  async delete(savepoint: string): Promise<void> {
    const path = this.pathOf(savepoint)
    if (!(await exists(path))) {
      throw new StreamsError('SAVEPOINT_NOT_FOUND', `there is no savepoint ${savepoint} in ${this.path}`, {
        details: { savepoint },
      })
    }
    await rm(join(path, manifestName), { force: true })
    await rm(path, { recursive: true, force: true })
  }

  /** Compares all files with the manifest. @throws SAVEPOINT_CORRUPT naming the file */
  async check(manifest: SavepointManifest, onFile: (file: WrittenFile) => void = () => {}): Promise<void> {
    for (const file of filesOf(manifest)) {
      onFile(file)
      await checkFile(this.pathOf(manifest.savepoint, file.file), file)
    }
  }
}

export function filesOf({ tasks }: SavepointManifest): WrittenFile[] {
  return tasks.flatMap(({ inputs, stores }) => [...inputs.flatMap(({ unread }) => unread ?? []), ...stores])
}

export function bytesOf(manifest: SavepointManifest): number {
  return filesOf(manifest).reduce((sum, { bytes }) => sum + bytes, 0)
}

function manifestOf(text: string, path: string, savepoint: string): SavepointManifest {
  const damaged = (what: string, cause?: unknown): StreamsError =>
    new StreamsError('SAVEPOINT_CORRUPT', `${path} ${what}`, { details: { file: path }, cause })
  let parsed: SavepointManifest & { readonly sha256: string }
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw damaged(`is not JSON: ${messageOf(cause)}`, cause)
  }
  if (typeof parsed !== 'object' || parsed === null) throw damaged('is not a manifest')
  const { sha256, ...manifest } = parsed
  if (manifest.format !== 1)
    throw damaged(
      `has format ${String(manifest.format)}, and this release knows 1: use the one that wrote it`,
    )
  if (sha256 !== digestOf(manifest)) throw damaged('does not have the SHA-256 that it names')
  if (manifest.savepoint !== savepoint || !Array.isArray(manifest.tasks) || !Array.isArray(manifest.topics))
    throw damaged(`is not the manifest of savepoint ${savepoint}`)
  const stray = filesOf(manifest).find(({ file }) => !filePattern.test(file))
  if (stray !== undefined) throw damaged(`names a file that is none of a savepoint: ${String(stray.file)}`)
  return manifest
}

/** Of the manifest as it is written, without spaces and without the digest itself. */
function digestOf(manifest: SavepointManifest): string {
  return createHash('sha256').update(JSON.stringify(manifest)).digest('hex')
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (isCode(error, 'ENOENT')) return false
      throw unusable(path, error)
    },
  )
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
