import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, posix, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'vite'

/** An element of a syntax tree. What else it has depends on its type. */
export interface SyntaxNode {
  readonly type: string
  readonly start: number
  readonly [property: string]: unknown
}

export interface SourceFile {
  /** From the repository's root, with slashes. */
  readonly path: string
  readonly text: string
  readonly program: SyntaxNode
  readonly comments: readonly { readonly value: string; readonly start: number }[]
  readonly imports: readonly Import[]
}

export interface Import {
  /** As written: `../errors.ts`, `node:fs`, `avsc`. */
  readonly specifier: string
  /** For a relative one the path of the file that it names, from the repository's root. */
  readonly target: string | undefined
  /** Whether only types are imported, so that nothing of it is left when the program runs. */
  readonly typeOnly: boolean
}

const root = fileURLToPath(new URL('../..', import.meta.url))
/** The client is a package of its own. */
const notOurs = new Set(['node_modules', 'dist', 'data', 'control-client'])

/** Every TypeScript file of the repository, parsed. */
export function readSourceFiles(): SourceFile[] {
  return listFiles(root)
    .filter((path) => path.endsWith('.ts'))
    .map((path) => parseSource(path, readFileSync(join(root, path), 'utf8')))
}

export function readProjectFile(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

export function parseSource(path: string, text: string): SourceFile {
  const { program, comments, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`)
  const tree = asNode(program)
  if (tree === undefined) throw new Error(`${path}: no syntax tree`)
  return { path, text, program: tree, comments, imports: importsOf(path, tree) }
}

/** Calls `visit` for a node and everything below it, parents first. */
export function walk(node: SyntaxNode, visit: (node: SyntaxNode) => void): void {
  visit(node)
  for (const property of Object.values(node)) {
    for (const value of Array.isArray(property) ? property : [property]) {
      const child = asNode(value)
      if (child !== undefined) walk(child, visit)
    }
  }
}

export function asNode(value: unknown): SyntaxNode | undefined {
  return isNode(value) ? value : undefined
}

export function lineOf(file: SourceFile, position: number): number {
  return file.text.slice(0, position).split('\n').length
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.startsWith('tests/')
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

const importingNodes = new Set([
  'ImportDeclaration',
  'ExportNamedDeclaration',
  'ExportAllDeclaration',
  'ImportExpression',
  'TSImportType',
])

function importsOf(path: string, program: SyntaxNode): Import[] {
  const imports: Import[] = []
  walk(program, (node) => {
    if (!importingNodes.has(node.type)) return
    const specifier = asNode(node['source'])?.['value']
    if (typeof specifier !== 'string') return
    const relativeTarget = specifier.startsWith('.')
    const target = relativeTarget ? posix.join(posix.dirname(path), specifier) : undefined
    imports.push({ specifier, target, typeOnly: isTypeOnly(node) })
  })
  return imports
}

function isTypeOnly(node: SyntaxNode): boolean {
  if (node.type === 'TSImportType' || node['importKind'] === 'type' || node['exportKind'] === 'type')
    return true
  const specifiers = node['specifiers']
  if (!Array.isArray(specifiers) || specifiers.length === 0) return false
  return specifiers.every((item) => {
    const specifier = asNode(item)
    return specifier?.['importKind'] === 'type' || specifier?.['exportKind'] === 'type'
  })
}

function listFiles(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    if (name.startsWith('.') || notOurs.has(name)) return []
    const path = join(directory, name)
    return statSync(path).isDirectory()
      ? listFiles(path)
      : [
          relative(dirname(join(root, 'x')), path)
            .split(sep)
            .join('/'),
        ]
  })
}
