/** Links between the pages: each names a file that is there, and a heading in it where it names one. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Link {
  readonly line: number
  readonly target: string
}

/** The lines of a page without those of code, which hold no links and no headings; empty ones stand in for them. */
function proseOf(text: string): string[] {
  let fence: string | undefined
  return text.split('\n').map((line) => {
    const mark = /^ *(```+|~~~+)/.exec(line)?.[1]
    if (fence === undefined && mark === undefined) return line
    if (fence === undefined) fence = mark
    else if (mark?.startsWith(fence)) fence = undefined
    return ''
  })
}

/** Relative links of a page, also those of reference definitions, `[name]: path`. */
function linksOf(text: string): Link[] {
  return proseOf(text).flatMap((raw, index) => {
    const line = raw.replace(/`[^`]*`/g, '')
    const targets = [...line.matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)|^ *\[[^\]]+\]: *(\S+)/g)]
    return targets
      .map(([, inline, defined]) => ({ line: index + 1, target: inline ?? defined ?? '' }))
      .filter(({ target }) => !/^[a-z][a-z+.-]*:/i.test(target))
  })
}

/** The anchors that a page's headings get: as they are read, in small letters, with hyphens, numbered where they repeat. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>()
  for (const line of proseOf(text)) {
    for (const [, id] of line.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id!)
    const heading = /^#{1,6} +(.+?)(?: +#+)? *$/.exec(line)?.[1]
    if (heading === undefined) continue
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const anchor = plain.replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '').replace(/ /g, '-')
    let unused = anchor
    for (let repeats = 1; anchors.has(unused); repeats++) unused = `${anchor}-${repeats}`
    anchors.add(unused)
  }
  return anchors
}

/** What is wrong with the links of the page at `path`, a line each. */
function brokenLinks(path: string, text: string): string[] {
  return linksOf(text).flatMap(({ line, target }) => {
    const [file, anchor] = decodeURI(target).split('#', 2)
    const named = file === '' ? path : posix.normalize(posix.join(posix.dirname(path), file!))
    const at = `${path}:${line}: ${target}`
    if (named.startsWith('..') || !existsSync(`${root}/${named}`)) return [`${at}: there is no such file`]
    if (anchor === undefined || !named.endsWith('.md')) return []
    if (statSync(`${root}/${named}`).isDirectory()) return [`${at}: a directory has no headings`]
    const there = file === '' ? text : readFileSync(`${root}/${named}`, 'utf8')
    return anchorsOf(there).has(anchor) ? [] : [`${at}: there is no such heading`]
  })
}

describe('pages', () => {
  const listed = execFileSync(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', '--', '*.md'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  )
  const pages = listed.split('\n').filter((path) => path !== '' && existsSync(`${root}/${path}`))

  it('should link to files and headings that there are', () => {
    expect(pages).toContain('README.md')
    expect(pages.flatMap((path) => brokenLinks(path, readFileSync(`${root}/${path}`, 'utf8')))).toEqual([])
  })

  it('should be checked by a test that finds what is broken', () => {
    const page = [
      '# A `page`: here',
      '## Twice',
      '## Twice',
      '[right](#a-page-here) [second](#twice-1) [file](docs/errors.md) [outside](https://example.org/none.md)',
      '[file](docs/none.md) [heading](#thrice) [heading there](docs/errors.md#none) [out](../none.md)',
      '`[code](none.md)`',
      '```',
      '[code](none.md)',
      '```',
      '[defined]: none.md',
    ]
    expect(brokenLinks('README.md', page.join('\n'))).toEqual([
      'README.md:5: docs/none.md: there is no such file',
      'README.md:5: #thrice: there is no such heading',
      'README.md:5: docs/errors.md#none: there is no such heading',
      'README.md:5: ../none.md: there is no such file',
      'README.md:10: none.md: there is no such file',
    ])
  })
})
