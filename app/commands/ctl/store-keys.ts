/** Keys as people write them: the keys of most stores are texts, and nobody wants to put those into quotes for a shell. */
import { listed } from '../../../control/client.ts'
import {
  ListStoresRequest,
  StateServiceService,
  type StoreDescription,
} from '../../../control/generated/orderstreams/control/v1/state_service.ts'
import { UsageError } from '../../failure.ts'
import type { Session } from './session.ts'

/**
 * How keys of a store are read: as they are where they are texts, else as JSON. A store that nobody knows is left to the server,
 * which says so.
 */
export async function keyReader(
  { client, signal }: Session,
  topology: string,
  store: string,
): Promise<(text: string) => unknown> {
  const request = ListStoresRequest.create({ topology })
  for await (const known of listed(client, StateServiceService.listStores, request, ({ stores }) => stores, {
    signal,
  })) {
    if (known.store === store) return hasTextKeys(known) ? (text) => text : (text) => jsonKey(text, known)
  }
  return (text) => text
}

/** Where no store is named: JSON if it is an object, a list or in quotes, else a text. */
export function keyOfAnyStore(text: string): unknown {
  return /^[{["]/.test(text) ? jsonKey(text, undefined) : text
}

function hasTextKeys({ keyType, keySchema }: StoreDescription): boolean {
  if (keySchema === '') return keyType === '' || keyType === 'string'
  const schema: unknown = JSON.parse(keySchema)
  const type = typeof schema === 'object' && schema !== null && 'type' in schema ? schema.type : schema
  return type === 'string'
}

/** @throws UsageError */
function jsonKey(text: string, store: StoreDescription | undefined): unknown {
  try {
    return JSON.parse(text)
  } catch {
    const where =
      store === undefined
        ? 'it begins like JSON'
        : `keys of ${store.store} are ${store.keyType}, so write JSON`
    throw new UsageError(`the key is ${text}, which is not JSON: ${where}`)
  }
}
