/** Reads from a database whose files are damaged, then puts an empty one in its place. */
import { RocksStoreProvider } from '../../../streams/adapters/rocksdb/rocks-store-provider.ts'

const [directory, name] = process.argv.slice(3)
const provider = new RocksStoreProvider({ directory: directory! })
const store = await provider.open(name!)
const keys = Array.from({ length: 500 }, (_, index) => Buffer.from(`key-${String(index).padStart(6, '0')}`))
const outcomes = await Promise.allSettled([store.getMany(keys), store.getMany(keys)])
console.log(
  outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'read')).join(' '),
)
await store.close()
console.log('closed')
await provider.destroy(name!)
console.log('destroyed')
const rebuilt = await provider.open(name!)
console.log(rebuilt.get(keys[0]!) === undefined ? 'empty' : 'not empty')
await rebuilt.close()
