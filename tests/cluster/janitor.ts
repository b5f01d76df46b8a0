/**
 * Takes everything away that a run made, however the run ends: also after an interrupt or SIGKILL of the test process, for it is
 * a process of its own, which waits for the end of its standard input.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * $1: the directory; every file `pid` one level down names a process, and `leftovers` one file a line that lies elsewhere.
 * $2: a network namespace, which may be absent.
 */
const script = `
cat >/dev/null
for file in "$1"/*/pid; do
  [ ! -s "$file" ] || kill -9 "$(cat "$file")"
done
[ ! -e "$1/leftovers" ] || xargs rm -f <"$1/leftovers"
ip netns del "$2"
for try in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf "$1" && break
  sleep 0.2
done
`

export interface WorkDirectory {
  readonly path: string
  /** The name of the network namespace that goes with it. */
  readonly namespace: string
  /** Ends the processes whose `pid` files lie in its folders, and deletes it. */
  dispose(): Promise<void>
}

export function openWorkDirectory(): WorkDirectory {
  const path = mkdtempSync(join(tmpdir(), 'order-streams-cluster-'))
  const namespace = `os-${path.slice(-6)}`
  const janitor = spawn('bash', ['-c', script, 'janitor', path, namespace], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const ended = new Promise<void>((resolve) => janitor.on('close', () => resolve()))
  return {
    path,
    namespace,
    dispose: () => {
      janitor.stdin.end()
      return ended
    },
  }
}
