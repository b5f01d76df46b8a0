/** How many connections a server has at most. grpc-js has no setting for it, so connections beyond are cut as they are accepted. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Socket } from 'node:net'
import type { Logger } from '../../../streams/index.ts'

/** Node.js tells here of each connection that a server of this process accepts. */
const accepted = 'net.server.socket'

/**
 * @param port that the server listens on
 * @returns ends the limit
 */
export function limitConnections(port: number, max: number, logger: Logger): () => void {
  let open = 0
  let isTold = false
  const onAccepted = (message: unknown): void => {
    const socket = typeof message === 'object' && message !== null && 'socket' in message && message.socket
    if (!(socket instanceof Socket) || socket.localPort !== port) return
    open++
    socket.once('close', () => {
      open--
      if (open <= max / 2) isTold = false
    })
    if (open <= max) return
    if (!isTold)
      logger.warn({ port, max }, 'more connections than the control server takes: new ones are closed')
    isTold = true
    socket.destroy()
  }
  subscribe(accepted, onAccepted)
  return () => unsubscribe(accepted, onAccepted)
}
