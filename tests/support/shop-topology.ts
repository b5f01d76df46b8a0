/** A topology with stores of all kinds by key, of which some are written under other keys than those of their partitions. */
import {
  type AvroSchema,
  avro,
  defineTopology,
  type KeyedContext,
  KeyedProcessor,
  keyValueStore,
  output,
  serdes,
  type Topology,
  topic,
  versionedStore,
} from '../../streams/index.ts'

interface Price {
  readonly amount: number
}

interface Place {
  readonly shop: string
  readonly shelf: number
}

const placeSchema: AvroSchema<Place> = {
  type: 'record',
  name: 'Place',
  fields: [
    { name: 'shop', type: 'string' },
    { name: 'shelf', type: 'int' },
  ],
}

export const prices = topic('prices', { key: serdes.string, value: serdes.json<Price>() })
export const shelves = topic('shelves', { key: avro(placeSchema), value: serdes.string })
const steered = topic('steered', { key: serdes.string, value: serdes.json<Price>() })

class Remembers extends KeyedProcessor<string, Price, never> {
  readonly all = this.list('all', serdes.json<number>())
  readonly byAmount = this.map('by-amount', { key: serdes.string, value: serdes.long })

  override process({ amount }: Price, { timers }: KeyedContext<string, never>): void {
    this.all.add(amount)
    this.byAmount.set(`at ${amount}`, amount)
    timers.wallClock(4_000_000_000_000 - amount, `after ${amount}`)
  }

  override onTimer(): void {}
}

export function shop(): Topology {
  return defineTopology('shop', (builder) => {
    const stream = builder.stream(prices)
    stream.toTable({ store: 'latest' })
    stream.groupByKey().process('remembers', () => new Remembers())
    const amounts = keyValueStore({ name: 'by-amount', key: serdes.string, value: serdes.string })
    const history = versionedStore({
      name: 'history',
      key: serdes.string,
      value: serdes.long,
      historyMs: 1000,
    })
    stream.process('index', {
      stores: { amounts, history },
      outputs: { none: output<string, string>() },
      create:
        ({ stores }) =>
        (key, { amount }, timestampMs) => {
          stores.amounts.put(`amount ${amount}`, key)
          stores.amounts.put('last', key)
          stores.history.put(key, amount, timestampMs)
        },
    })
    stream
      .repartition({ name: 'steering', partitions: 3, partitioner: (key) => key.length % 3 })
      .groupByKey()
      .count({ store: 'steered' })
    builder.table(shelves, { store: 'shelves' })
    stream.to(steered, { partitioner: () => 2 })
    builder.stream(steered).groupByKey().count({ store: 'steered-elsewhere' })
  })
}
