/** Opens a database, says so, and holds it until it is killed. */
import { RocksStoreProvider } from '../../../streams/adapters/rocksdb/rocks-store-provider.ts'

const [directory, name] = process.argv.slice(3)
await new RocksStoreProvider({ directory: directory! }).open(name!)
console.log('open')
setInterval(() => {}, 60_000)
