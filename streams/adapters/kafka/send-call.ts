/**
 * Sends a call over a connection of kafkajs: its queue, its correlation ids, its throttling, but our own bytes.
 *
 * Invariants:
 * 1. The pieces of a request go to the socket in one turn, so that no other request gets between them.
 */
import type { Connection } from 'kafkajs/src/network/connection.js'
import { type Call, frameRequest, readAnswer } from './protocol/call.ts'

export async function sendCall<T>(
  connection: Connection,
  call: Call<T>,
  requestTimeoutMs: number,
): Promise<T> {
  // A login may have to be renewed.
  if (!connection.isAuthenticated()) await connection.authenticate()
  connection.failIfNotConnected()
  const correlationId = connection.nextCorrelationId()
  const pieces = frameRequest(call, correlationId, connection.clientId)
  const answer = await new Promise<Buffer>((resolve, reject) => {
    connection.requestQueue.push({
      entry: {
        apiKey: call.apiKey,
        apiName: call.name,
        apiVersion: call.version,
        correlationId,
        resolve: ({ payload }) => resolve(payload),
        reject,
      },
      expectResponse: true,
      requestTimeout: requestTimeoutMs + (call.extraTimeoutMs ?? 0),
      sendRequest: () => write(connection, pieces),
    })
  })
  const { value, clientSideThrottleTime } = readAnswer(call, answer)
  connection.requestQueue.maybeThrottle(clientSideThrottleTime)
  return value
}

function write({ socket }: Connection, pieces: readonly Uint8Array[]): void {
  socket.cork()
  for (const piece of pieces) socket.write(piece)
  socket.uncork()
}
