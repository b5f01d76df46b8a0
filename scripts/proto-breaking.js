// Refuses changes of proto/ that would break clients of what was released: compares it with the newest tag that has it, and as long as
// there is none, with the commit before the one that touched it last.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

const base = baseline()
if (base === undefined) console.log('nothing to compare proto/ with: no earlier commit here has it')
else process.exitCode = compareWith(base)

/** @returns the exit code */
function compareWith(commit) {
  console.log(`proto/ against ${commit}`)
  const work = mkdtempSync(join(tmpdir(), 'proto-breaking-'))
  try {
    // What it was then, with what it imports as that is now.
    const { stdout } = spawnSync('git', ['archive', commit, 'proto'], { cwd: root, maxBuffer: 1 << 28 })
    spawnSync('tar', ['-x', '-C', work], { input: stdout })
    symlinkSync(join(root, 'node_modules'), join(work, 'node_modules'))
    copyFileSync(join(root, 'buf.yaml'), join(work, 'buf.yaml'))
    const image = join(work, 'before.binpb')
    return buf(['build', 'proto', '-o', image], work) || buf(['breaking', 'proto', '--against', image], root)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function buf(args, cwd) {
  const { status } = spawnSync(join(root, 'node_modules', '.bin', 'buf'), args, { cwd, stdio: 'inherit' })
  return status ?? 1
}

function baseline() {
  const tags = git('tag', '--merged', 'HEAD', '--sort=-creatordate').filter((tag) => hasProtos(tag))
  if (tags[0] !== undefined) return tags[0]
  const isTouched = git('status', '--porcelain', '--', 'proto').length > 0
  const [newest, before] = git('log', '-n', '2', '--format=%H', '--', 'proto')
  const base = isTouched ? newest : before
  return base !== undefined && hasProtos(base) ? base : undefined
}

function hasProtos(commit) {
  return git('ls-tree', '--name-only', commit, 'proto').length > 0
}

/** Lines; none where there is no history, as in an unpacked release. */
function git(...args) {
  const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8' })
  return status === 0 ? stdout.split('\n').filter((line) => line !== '') : []
}
