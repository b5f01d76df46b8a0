/**
 * What a record costs in memory that the collector has to take back: bytes allocated per record, by function, from the
 * engine's sampling heap profiler, with collected objects included. A promise or closure per record would show here.
 */
import { type HeapProfiler, Session } from 'node:inspector/promises'

export interface AllocationSite {
  readonly where: string
  readonly bytesPerRecord: number
}

/** Runs the work and answers where it allocated, the largest first. */
export async function allocationsOf(
  records: number,
  work: () => Promise<unknown>,
): Promise<AllocationSite[]> {
  const session = new Session()
  session.connect()
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: 8192,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  })
  await work()
  const { profile } = await session.post('HeapProfiler.stopSampling')
  session.disconnect()
  const bytes = new Map<string, number>()
  collect(profile.head, bytes)
  return [...bytes]
    .map(([where, total]) => ({ where, bytesPerRecord: Math.round((total / records) * 10) / 10 }))
    .filter(({ bytesPerRecord }) => bytesPerRecord >= 0.5)
    .sort((a, b) => b.bytesPerRecord - a.bytesPerRecord)
}

function collect(node: HeapProfiler.SamplingHeapProfileNode, bytes: Map<string, number>): void {
  const { functionName, url } = node.callFrame
  const where = `${functionName || '(anonymous)'} ${url.split('/').slice(-2).join('/')}`
  bytes.set(where, (bytes.get(where) ?? 0) + node.selfSize)
  for (const child of node.children) collect(child, bytes)
}
