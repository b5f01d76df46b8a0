/** Which commands keep a topology from processing what is left: for whoever waits for that, and would wait for ever. */
import { StreamsError } from '../../errors.ts'
import type { TopicPartition } from '../../ports/log.ts'
import type { TaskDriver } from '../task-driver.ts'
import { type TaskEnvironment, taskIdOf } from '../task-environment.ts'
import { decideOrders, stageOf } from './decide-flow.ts'
import { type StandingCommand, stageName } from './stage.ts'

/**
 * The commands that hold all of some partitions, each as far as it is known here; undefined when there is one that nobody holds, which
 * is still being processed then.
 */
export function commandsHolding(
  partitions: readonly TopicPartition[],
  environment: TaskEnvironment,
  drivers: ReadonlyMap<string, TaskDriver>,
): StandingCommand[] | undefined {
  const { topology, partitionCounts, stages, clock } = environment
  const commands = [...stages.all()]
  const holding = new Set<string>()
  for (const { topic, partition } of partitions) {
    const subTopology = topology.subTopologies.find(({ sources }) =>
      sources.some((source) => source.topic.name === topic),
    )
    if (subTopology === undefined) return undefined
    const taskId = taskIdOf(subTopology, partition)
    const flow = drivers.get(taskId)?.flow
    const mayGoOn =
      flow !== undefined &&
      !(flow.heldTopics.has(topic) && (flow.state === 'paused' || flow.state === 'drained'))
    const task = { taskId, topology, subTopology, partition, partitionCounts }
    const holds = decideOrders(commands, task, clock.now()).holds.filter(({ topics }) => topics.has(topic))
    if (mayGoOn || holds.length === 0) return undefined
    for (const { id } of holds) holding.add(id)
  }
  return commands.filter(({ hold }) => holding.has(hold))
}

/** @param held by the names of the topologies */
export function heldError(held: ReadonlyMap<string, readonly StandingCommand[]>): StreamsError {
  const stages = [...held].flatMap(([topology, commands]) =>
    commands.map((command) => ({ command, name: stageName(stageOf(command, topology)) })),
  )
  const sentences = stages.map(({ name, command }) => {
    const { kind, commanded_by: by, commanded_time: timeMs, reason, until } = command
    const since = new Date(timeMs).toISOString()
    const end = until === null ? '' : `, until ${new Date(until).toISOString()}`
    const why = reason === '' ? '' : ` (${reason})`
    return `${name} was ${kind === 'DRAIN' ? 'drained' : 'paused'} by ${by} at ${since}${why}${end}`
  })
  return new StreamsError(
    'STAGE_HELD',
    `what is left to process is held: ${sentences.join('; ')}; all else is processed and committed. Resume what is held, then start again`,
    { details: { stages: stages.map(({ name }) => name).join(', ') } },
  )
}
