/** Throws where nothing catches it, while an asynchronous read is under way. */
import { RocksStoreProvider } from '../../../streams/adapters/rocksdb/rocks-store-provider.ts'

const [directory, name] = process.argv.slice(3)
const store = await new RocksStoreProvider({ directory: directory! }).open(name!)
const keys = Array.from({ length: 5_000 }, (_, index) => Buffer.from(`key-${String(index).padStart(6, '0')}`))
const reading = store.getMany(keys)
process.nextTick(() => {
  throw new Error('the application is broken')
})
await reading
await store.close()
