/** Runs the word count in this process: the log, the state and the schemas lie in a directory, and go on from there. */
import { openEmbedded } from '../streams/embedded/index.ts'
import {
  type Clock,
  followToEnd,
  keyAt,
  type Log,
  RecordBatchBuilder,
  StreamsApp,
  valueAt,
} from '../streams/index.ts'
import { lines, wordCount, wordCounts } from './word-count.ts'

/** Adds lines of text and counts their words. Answers the counts so far, of this run and all before it. */
export async function countWords(directory: string, text: readonly string[]): Promise<Map<string, number>> {
  const ports = await openEmbedded(directory)
  const app = new StreamsApp({ topologies: [wordCount], ...ports })
  try {
    await app.start()
    const batch = new RecordBatchBuilder(lines.name, 0)
    for (const line of text) batch.append(Buffer.from('text'), Buffer.from(line), ports.clock.now())
    await ports.log.append([batch.build()])
    await app.drained()
    return await readCounts(ports)
  } finally {
    await app.stop()
    await ports.close()
  }
}

/** The newest count of each word, as another program would read it from the topic. */
async function readCounts(ports: { readonly log: Log; readonly clock: Clock }): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  const [settings] = await ports.log.describeTopics([wordCounts.name])
  const from = Array.from({ length: settings?.partitions ?? 0 }, (_, partition) => ({
    topic: wordCounts.name,
    partition,
    offset: 0,
  }))
  await followToEnd(ports, from, (batch) => {
    for (let index = 0; index < batch.length; index++) {
      const count = valueAt(batch, index)
      if (count !== null) counts.set(String(keyAt(batch, index)), Number(count.readBigInt64BE()))
    }
  })
  return counts
}
