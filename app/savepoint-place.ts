import { join } from 'node:path'
import type { Config } from './config-schema.ts'

/** Where savepoints are kept: as it is set, or in single-node mode beside the data; null where nobody said. */
export function savepointDirectoryOf({ savepointDir, dataDir }: Config, isCluster: boolean): string | null {
  if (savepointDir !== '') return savepointDir
  return isCluster ? null : join(dataDir, 'savepoints')
}
