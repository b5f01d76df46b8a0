import { openEmbeddedLog } from '../../streams/adapters/embedded/embedded-log.ts'
import { MemoryStoreProvider } from '../../streams/adapters/memory/memory-store.ts'
import { systemClock } from '../../streams/adapters/system/system-clock.ts'
import { logContract } from './log-contract.ts'

logContract('embedded, in memory', async () => {
  let provider = new MemoryStoreProvider()
  let store = await provider.open('log')
  let log = await openEmbeddedLog({ store, clock: systemClock, cleaningIntervalMs: null })
  return {
    log,
    async reopen() {
      provider = provider.snapshot()
      store = await provider.open('log')
      log = await openEmbeddedLog({ store, clock: systemClock, cleaningIntervalMs: null })
      return log
    },
    async compact() {
      await log.clean({ force: true })
    },
    async close() {
      await log.close()
      await store.close()
    },
  }
})
