/** grpc.health.v1: how the instance does as a whole, by the empty name, and each of its topologies, by its name. */
import type { Clock } from '../../streams/index.ts'
import { type Service, service } from '../call.ts'
import { ControlError } from '../errors.ts'
import { HealthCheckResponse_ServingStatus, HealthService } from '../generated/health/v1/health.ts'
import { pause } from './waiting.ts'

/** By name whether it is ready, the whole by the empty name. Asked at every call. */
export type HealthSource = () => ReadonlyMap<string, boolean>

/** Whoever watches hears of a change after this time, at the latest. */
const watchIntervalMs = 250

const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus

export function healthService(readiness: HealthSource, clock: Clock): Service {
  return service(HealthService, {
    check: async ({ service: name }) => {
      const known = readiness()
      const isReady = known.get(name)
      if (isReady === undefined) {
        const names = [...known.keys()].filter((known) => known !== '').join(', ')
        throw new ControlError(
          'TOPOLOGY_NOT_FOUND',
          `service: there is no topology ${JSON.stringify(name)} here; leave it empty for all, or name one of ${names}`,
          { metadata: { topology: name } },
        )
      }
      return { status: statusOf(isReady) }
    },
    list: async () => ({
      statuses: Object.fromEntries(
        [...readiness()].map(([name, isReady]) => [name, { status: statusOf(isReady) }]),
      ),
    }),
    async *watch({ service: name }, { signal }) {
      let told: HealthCheckResponse_ServingStatus | undefined
      for (;;) {
        const status = statusOf(readiness().get(name))
        if (status !== told) yield { status }
        told = status
        await pause(clock, watchIntervalMs, signal)
      }
    },
  })
}

function statusOf(isReady: boolean | undefined): HealthCheckResponse_ServingStatus {
  if (isReady === undefined) return SERVICE_UNKNOWN
  return isReady ? SERVING : NOT_SERVING
}
