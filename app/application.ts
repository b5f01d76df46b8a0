/**
 * Topologies on what they run on.
 *
 * It is opened from the bottom up - the platform, state, tables, topologies - and closed from the top down, so that nothing
 * is ever used that is closed.
 */

import { type MetricsPage, openMetricsPage } from '../control/http/metrics.ts'
import { bothMetrics } from '../control/http/prom-metrics.ts'
import { type Database, sqlSink } from '../sql/index.ts'
import { MemoryMetrics } from '../streams/adapters/memory/memory-metrics.ts'
import {
  type RuntimeSettings,
  type SchemaRegistry,
  StreamsApp,
  type Topology,
  type Tracer,
} from '../streams/index.ts'
import { Closers } from './closers.ts'
import type { Config } from './config-schema.ts'
import { type Control, openControl } from './control.ts'
import { controlSecurityOf } from './control-security.ts'
import { detectionTables } from './detection-rows.ts'
import { memoryText, processMemory } from './memory-budget.ts'
import { orderTables } from './order-rows.ts'
import { orderTopologies } from './order-topologies.ts'
import { packageVersion } from './package-info.ts'
import { openPlatform, type Part, type Platform } from './platform.ts'
import { expectPrepared, makesWhatIsMissing, prepareTables, prepareTopics } from './prepare.ts'
import type { Probes } from './probes.ts'
import { sideDoorAddress } from './side-door.ts'
import { statisticsTables } from './statistics-rows.ts'
import { openTracing } from './tracing.ts'

export interface Application {
  readonly config: Config
  readonly platform: Platform
  readonly registry: SchemaRegistry
  readonly database: Database
  readonly metrics: MemoryMetrics
  /** The same and more, as Prometheus reads it. */
  readonly metricsPage: MetricsPage
  /** Undefined while tracing is off. */
  readonly tracer: Tracer | undefined
  readonly topologies: readonly Topology[]
  /** Not started yet. */
  readonly streams: StreamsApp
  /** Undefined when none is served. */
  readonly control: Control | undefined
  /** Stops the topologies after a last commit, and lets everything go. */
  close(): Promise<void>
}

/** What topologies with tables need of a cluster. */
export const partsOfTopologies: readonly Part[] = ['registry', 'database']

/**
 * @param names of the topologies to run
 * @param options `serves`: whether it serves the control services, and at another port where nobody has chosen the one that is taken;
 *   `probes` are opened before any service is reached, and closed by the caller, last; `signal` ends the waiting for services that
 *   cannot be reached, and says that the process is to stop
 */
export async function openApplication(
  config: Config,
  names: readonly string[],
  {
    serves,
    probes,
    signal,
  }: {
    readonly serves: false | { readonly isPortChosen: boolean }
    readonly probes?: Probes
    readonly signal?: AbortSignal
  },
): Promise<Application> {
  // Names are checked before anything is created.
  orderTopologies(names, config)
  // So are settings that guard what is served.
  if (serves) checkServing(config)
  const metricsPage = openMetricsPage(packageVersion())
  const platform = await openPlatform(config, {
    parts: partsOfTopologies,
    mode: 'create',
    onBegin: async (ports) => probes?.open({ ...ports, metrics: metricsPage }),
    ...(signal === undefined ? {} : { signal }),
  })
  const { log, clock, logger } = platform
  const closers = new Closers()
  closers.add(() => platform.close())
  try {
    const { stores, instanceId } = await platform.openState()
    const { tracer, close: closeTracing } = await openTracing(config, { clock, logger, instanceId })
    closers.add(closeTracing)
    const makesAll = makesWhatIsMissing(config)
    const registry = await platform.openRegistry({ registers: makesAll })
    const database = await platform.openDatabase()
    const sinkName = platform.isCluster ? 'MySQL' : 'orders.db'
    const tables = sqlSink({
      name: sinkName,
      database,
      tables: [...orderTables, ...statisticsTables, ...detectionTables],
    })
    const topologies = orderTopologies(names, config, tables)
    if (makesAll) {
      await prepareTables(database)
      await prepareTopics(log, config, topologies)
    } else {
      await expectPrepared(platform, config, topologies, database)
    }
    const metrics = new MemoryMetrics()
    const settings = runtimeSettings(config)
    const ports = {
      log,
      stores,
      registry,
      clock,
      logger,
      metrics: bothMetrics(metrics, metricsPage.metrics),
      ...(tracer === undefined ? {} : { tracer }),
    }
    const control = serves
      ? await openControl(config, {
          ...serves,
          platform,
          registry,
          stores,
          instanceId,
          metrics: metricsPage.metrics,
          ...(tracer === undefined ? {} : { tracer }),
          ...(signal === undefined ? {} : { stopping: signal }),
        })
      : undefined
    if (control !== undefined) {
      closers.add(() => control.close())
      metricsPage.gauge(
        'control_streams_open',
        'Streams of control calls that are under way.',
        () => control.openStreams,
      )
    }
    const { zone } = config
    const endpoint = control?.endpoint ?? null
    const streams = new StreamsApp({
      topologies,
      ...ports,
      settings,
      instanceId,
      ...(zone === '' ? {} : { zone }),
      ...(endpoint === null ? {} : { endpoint }),
    })
    closers.add(() => streams.stop())
    if (control !== undefined) {
      control.serve(streams, topologies)
      // Once more: nobody is to call what is being stopped.
      closers.add(() => control.close())
    }
    probes?.show(streams)
    metricsPage.gauge('streams_memory_budget_bytes', 'What the budget of memory is given to.', {
      label: 'part',
      read: () => streams.memoryParts() ?? {},
    })
    metricsPage.show({ streams, topologies: names, clock })
    logger.info(
      { on: platform.label, topologies: names, instanceId, memory: memoryText(processMemory(config)) },
      'opened',
    )
    const close = () => closers.closeAll(logger)
    return {
      config,
      platform,
      registry,
      database,
      metrics,
      metricsPage,
      tracer,
      topologies,
      streams,
      control,
      close,
    }
  } catch (error) {
    await closers.closeAll(logger)
    throw error
  }
}

function runtimeSettings(config: Config): Partial<RuntimeSettings> {
  return {
    processingGuarantee: config.processingGuarantee,
    onDecodeError: config.onDecodeError,
    onProcessingError: config.onProcessingError,
    commitIntervalMs: config.commitIntervalMs,
    memoryBudgetBytes: processMemory(config).budgetBytes,
    batchMaxRecords: config.batchMaxRecords,
    cacheMaxBytesPerTask: config.cacheMaxBytesPerTask,
    transactionMaxBytes: config.transactionMaxBytes,
    transactionMaxKeys: config.transactionMaxKeys,
    sinkMaxRows: config.sinkMaxRows,
    inputMaxBufferedBytes: config.inputMaxBufferedBytes,
    taskMaxAttempts: config.taskMaxAttempts,
    outageMaxMs: config.outageMaxMs,
    defaultPartitions: config.partitions,
    standbyReplicas: config.standbyReplicas,
    warmUpMaxLag: config.warmUpMaxLag,
    maxWarmUps: config.maxWarmUps,
    taskDeadlineMs: config.taskDeadlineMs,
  }
}

/** @throws ConfigError */
function checkServing(config: Config): void {
  if (config.controlServer === 'on') controlSecurityOf(config, config.controlHost)
  sideDoorAddress(config)
}
