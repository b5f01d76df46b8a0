/**
 * Files that are replaced while the process runs, such as secrets that are rotated. They are looked at when somebody asks, once
 * in a while at most, and read anew when they are others than before.
 *
 * Invariant: what could not be read or understood changes nothing. It is told, and what was read before goes on to hold.
 */
import { readFileSync, statSync } from 'node:fs'
import { type Clock, type Logger, messageOf } from '../../../streams/index.ts'

export interface WatchedFilesOptions<T> {
  /** For messages: what the files are. */
  readonly name: string
  readonly paths: readonly string[]
  /** Makes something of their contents, in the order of the paths. @throws what is wrong with them */
  readonly parse: (contents: readonly Buffer[]) => T
  readonly clock: Clock
  readonly logger: Logger
  readonly checkIntervalMs?: number
}

const defaultCheckIntervalMs = 1000

export class WatchedFiles<T> {
  private readonly options: WatchedFilesOptions<T>
  private value: T
  private version: string
  private checkedMs: number

  /** @throws what keeps the files from being read for the first time */
  constructor(options: WatchedFilesOptions<T>) {
    this.options = options
    this.checkedMs = options.clock.now()
    this.version = versionOf(options.paths)
    this.value = this.read()
  }

  /** What the files have, as of a moment ago. */
  get current(): T {
    const { clock, logger, name, checkIntervalMs = defaultCheckIntervalMs } = this.options
    const nowMs = clock.now()
    if (nowMs - this.checkedMs < checkIntervalMs) return this.value
    this.checkedMs = nowMs
    const version = versionOf(this.options.paths)
    if (version === this.version) return this.value
    this.version = version
    try {
      this.value = this.read()
      logger.info({ name }, 'files have changed and were read anew')
    } catch (error) {
      logger.error(
        { name, reason: messageOf(error) },
        'changed files cannot be used; the ones before hold on',
      )
    }
    return this.value
  }

  private read(): T {
    const { paths, parse } = this.options
    return parse(paths.map((path) => readFileSync(path)))
  }
}

/** Changes with the files, also when a link to them is turned to others. */
function versionOf(paths: readonly string[]): string {
  const versions = paths.map((path) => {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
    return stats === undefined ? 'absent' : `${stats.ino}.${stats.size}.${stats.mtimeNs}.${stats.ctimeNs}`
  })
  return versions.join(' ')
}
