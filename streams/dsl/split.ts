/** Splitting a stream: each record goes the first way whose predicate holds for it. */
import type { StreamNode, StreamPlace } from '../topology/stream-node.ts'
import type { BuildContext } from './build-context.ts'

export type BranchNames<B> = keyof B | 'rest'

/** The ways by name, in the order given, then the rest. */
export function splitStream<K, V>(
  build: BuildContext,
  stream: StreamPlace<K, V>,
  branches: Readonly<Record<string, (value: V, key: K) => boolean>>,
  name: string,
): (readonly [branch: string, node: StreamNode<K, V>])[] {
  const parent = build.operator<K, V, K, V>(stream, { name, operator: 'split' }, (_next, task, own) => {
    const compiled = ways.map(({ holds, node }) => ({ holds, next: node.compile(task) }))
    const toRest = rest.compile(task)
    return (key, value, timestampMs) => {
      task.enter(own)
      for (const { holds, next } of compiled) {
        if (holds(value, key)) {
          next(key, value, timestampMs)
          return
        }
      }
      toRest(key, value, timestampMs)
    }
  })
  const ways = Object.entries(branches).map(([branch, holds]) => ({
    branch,
    holds,
    node: build.branch<K, V>(parent.node, `${name}.${branch}`),
  }))
  const rest = build.branch<K, V>(parent.node, `${name}.rest`)
  return [...ways.map(({ branch, node }) => [branch, node] as const), ['rest', rest]]
}
