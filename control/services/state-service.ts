/** StateService: looks into the stores of topologies, wherever their tasks run. */
import { partitionCountOf, placingTopic, type QueriedStore, storesOf } from '../../streams/index.ts'
import { type Service, service } from '../call.ts'
import type { ControlContext } from '../context.ts'
import { StateServiceService } from '../generated/orderstreams/control/v1/state_service.ts'
import { pageOf } from '../pages.ts'
import { chosen } from './instance-service.ts'
import { getRow, getRows } from './state/get.ts'
import { listPartialMatches, listRows, listTimers } from './state/lists.ts'
import { storeMessage } from './state/messages.ts'
import { streamRows } from './state/stream.ts'
import { fetchSessions, fetchWindows } from './state/windows.ts'

export function stateService(context: ControlContext): Service {
  return service(StateServiceService, {
    listStores: async (request) => {
      const stores = chosen(context, request.topology).flatMap(storesOf)
      // In their order, which a name does not tell.
      const places = stores.map((store, index) => ({ store, place: String(index).padStart(6, '0') }))
      const query = { list: 'stores', topology: request.topology }
      const { page, nextPageToken } = pageOf(places, ({ place }) => place, request, query)
      return { stores: page.map(({ store }) => describe(context, store)), nextPageToken }
    },
    getRow: (request, call) => getRow(context, request, call),
    batchGetRows: (request, call) => getRows(context, request, call),
    listRows: (request, call) => listRows(context, request, call),
    streamRows: (request, call) => streamRows(context, request, call),
    fetchWindows: (request, call) => fetchWindows(context, request, call),
    fetchSessions: (request, call) => fetchSessions(context, request, call),
    listTimers: (request, call) => listTimers(context, request, call),
    listPartialMatches: (request, call) => listPartialMatches(context, request, call),
  })
}

function describe({ streams, topologies }: ControlContext, store: QueriedStore) {
  const { environment } = streams.running(store.topology.name)
  const partitionCount = partitionCountOf(store, environment?.partitionCounts ?? new Map())
  return storeMessage(store, partitionCount, placingTopic(store, topologies)?.name)
}
