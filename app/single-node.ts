/** Single-node mode: everything in this process, in one data directory. */
import { openDatabase } from '../sql/index.ts'
import { silentLogger } from '../streams/index.ts'
import { Closers } from './closers.ts'
import type { Config } from './config-schema.ts'
import { openDataDirectory } from './data-directory.ts'
import { openLogFile } from './log-file.ts'
import type { Opening, Platform } from './platform.ts'

export async function openSingleNode(config: Config, { mode, onBegin }: Opening): Promise<Platform> {
  const data = await openDataDirectory(config, mode)
  const closers = new Closers()
  const { log, registry, stores, clock } = data
  closers.add(data.close)
  try {
    const { logger, path, close } =
      mode === 'create' ? openLogFile(config) : { logger: silentLogger, path: null, close: () => {} }
    await onBegin?.({ clock, logger })
    return {
      isCluster: false,
      label: config.dataDir,
      log,
      clock,
      logger,
      logPath: path,
      openRegistry: async () => registry,
      openState: async () => ({ stores, instanceId: 'instance-1' }),
      openDatabase: async () => {
        // After a power failure the file may be some commits behind, never torn: it holds the positions of its own rows, and
        // what is missing is read from the log again.
        const database = await openDatabase(data.databasePath, { synchronous: 'NORMAL' })
        closers.add(() => database.close())
        return database
      },
      close: async () => {
        await closers.closeAll(logger)
        // Last, so that it has what happens in closing the others.
        close()
      },
    }
  } catch (error) {
    await closers.closeAll(silentLogger)
    throw error
  }
}
