import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedLog } from '../../streams/adapters/embedded/embedded-log.ts'
import { MemoryStoreProvider } from '../../streams/adapters/memory/memory-store.ts'
import { RocksStoreProvider } from '../../streams/adapters/rocksdb/rocks-store-provider.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import type { StoreProvider } from '../../streams/ports/store.ts'
import { type LogUnderTest, logContract } from './log-contract.ts'

async function openLog(provider: StoreProvider, cleanUp: () => Promise<void>): Promise<LogUnderTest> {
  const open = async () => {
    const store = await provider.open('log')
    // The smallest cache makes readers go to the store, as those of a large log do.
    const options = { store, clock: systemClock, cleaningIntervalMs: null, sync: false, cacheBytes: 4096 }
    return { store, log: await openEmbeddedLog(options) }
  }
  let current = await open()
  return {
    log: current.log,
    async reopen() {
      // The store goes away under the log, as it does when the process is killed.
      await current.store.close()
      current = await open()
      return current.log
    },
    async compact() {
      await current.log.clean({ force: true })
    },
    async close() {
      await current.log.close()
      await current.store.close()
      await cleanUp()
    },
  }
}

logContract('embedded, in memory', () => openLog(new MemoryStoreProvider(), async () => {}))

logContract('embedded, on RocksDB', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'log-contract-'))
  return openLog(new RocksStoreProvider({ directory }), () => rm(directory, { recursive: true, force: true }))
})
