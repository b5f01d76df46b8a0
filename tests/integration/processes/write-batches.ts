/** Writes batch after batch over the same hundred keys, each with its own number, which it prints once it is written. */
import { writeSync } from 'node:fs'
import { RocksStoreProvider } from '../../../streams/adapters/rocksdb/rocks-store-provider.ts'

const [directory, name] = process.argv.slice(3)
const store = await new RocksStoreProvider({ directory: directory!, writeBufferBytes: 64 * 1024 }).open(name!)
const value = Buffer.alloc(200)
const last = store.get(Buffer.from('key-0'))
for (let number = last === undefined ? 0 : last.readUInt32BE() + 1; ; number++) {
  value.writeUInt32BE(number)
  const batch = store.batch()
  for (let index = 0; index < 100; index++) batch.put(Buffer.from(`key-${index}`), value)
  store.write(batch)
  writeSync(1, `${number}\n`)
}
