/** The house rules that a program can check. Each finding says what to do instead. */
import { asNode, isTest, lineOf, type SourceFile, type SyntaxNode, walk } from './source-files.ts'

const mostLines = 500

/** Findings as `path:line: what is wrong; what to do instead`. Generated files are the generator's affair. */
export function tidyViolations(file: SourceFile): string[] {
  if (file.path.includes('/generated/')) return []
  const findings: string[] = []
  const report = (position: number, sentence: string): void => {
    findings.push(`${file.path}:${lineOf(file, position)}: ${sentence}`)
  }
  checkFile(file, report)
  checkComments(file, report)
  walk(file.program, (node) => {
    checkTypes(node, report)
    if (isEngineSource(file.path)) checkHiddenInputs(node, report)
    if (isPureDecision(file.path)) checkPurity(node, report)
    if (file.path.endsWith('.test.ts')) checkTestCalls(node, report)
  })
  return findings
}

type Report = (position: number, sentence: string) => void

/** What runs inside the engine, where time and chance come through ports (law 8). */
function isEngineSource(path: string): boolean {
  return path.startsWith('streams/') && !path.startsWith('streams/adapters/') && !isTest(path)
}

function isPureDecision(path: string): boolean {
  return /\/decide-[^/]*\.ts$/.test(path) && !isTest(path)
}

function checkFile(file: SourceFile, report: Report): void {
  const lines = file.text.split('\n').length
  if (lines > mostLines) report(0, `${lines} lines; split the file by concern, ${mostLines} is the limit`)
  const opensWithComment = file.comments.some(({ start }) => start === 0)
  if (/^streams\/(runtime|state)\//.test(file.path) && !isTest(file.path) && !opensWithComment) {
    report(0, 'no opening comment; say what the file is for and its invariants')
  }
}

function checkComments(file: SourceFile, report: Report): void {
  for (const { value, start } of file.comments) {
    if (/@ts-(ignore|nocheck)/.test(value)) report(start, 'the compiler is silenced; mend the type')
    if (/@ts-expect-error/.test(value) && !isTest(file.path)) {
      report(start, 'a type error is expected; mend the type (tests may show that misuse does not compile)')
    }
    if (/\b(TODO|FIXME|XXX)\b/.test(value)) report(start, 'a note to do it later; do it now or open an issue')
  }
}

function checkTypes(node: SyntaxNode, report: Report): void {
  if (node.type === 'TSAnyKeyword') {
    report(node.start, '`any` switches checking off; use `unknown` and narrow it, or a type parameter')
  }
  if (node.type !== 'TSAsExpression') return
  const inner = asNode(node['expression'])
  if (inner?.type === 'TSAsExpression' && asNode(inner['typeAnnotation'])?.type === 'TSUnknownKeyword') {
    report(node.start, '`as unknown as` forces a type; narrow with a check, or mend the declared type')
  }
}

const hiddenInputs: Readonly<Record<string, string>> = {
  'Date.now': 'use `now()` of the Clock port',
  'performance.now': 'use `now()` of the Clock port',
  'Math.random': 'take a seeded generator as a parameter',
  'process.env': 'take the setting as an option; app/ reads the environment',
  setTimeout: 'use `setTimer` of the Clock port',
  setInterval: 'use `setTimer` of the Clock port, set anew each time',
  setImmediate: 'use `yieldTurn` of the Clock port',
  randomUUID: 'take the id as an option, or derive it',
}

function checkHiddenInputs(node: SyntaxNode, report: Report): void {
  if (node.type === 'NewExpression') {
    const fromNothing = Array.isArray(node['arguments']) && node['arguments'].length === 0
    if (nameOf(node['callee']) === 'Date' && fromNothing) {
      report(node.start, '`new Date()` reads the system clock; use `now()` of the Clock port')
    }
    return
  }
  const named =
    node.type === 'CallExpression' ? calledIdentifier(node) : node.type === 'MemberExpression' ? node : null
  const name = nameOf(named)
  if (name === undefined) return
  const remedy = Object.hasOwn(hiddenInputs, name) ? hiddenInputs[name] : undefined
  if (remedy !== undefined) report(node.start, `\`${name}\` is a hidden input; ${remedy}`)
}

/** The callee where it is a plain name: a path of properties is met as a node of its own. */
function calledIdentifier(call: SyntaxNode): SyntaxNode | undefined {
  const callee = asNode(call['callee'])
  return callee?.type === 'Identifier' ? callee : undefined
}

function checkPurity(node: SyntaxNode, report: Report): void {
  if (node.type !== 'AwaitExpression') return
  report(node.start, '`await` in a decision; decide from facts that the caller has gathered')
}

const testFunctions = new Set(['it', 'test'])
const testModifiers = new Set(['each', 'for', 'skipIf', 'runIf'])

function checkTestCalls(node: SyntaxNode, report: Report): void {
  if (node.type !== 'CallExpression') return
  const parts = calledName(node['callee'])
  const [base, ...modifiers] = parts
  if (base === undefined || !(testFunctions.has(base) || base === 'describe')) return
  const banned = modifiers.find((modifier) => ['skip', 'only', 'todo', 'fails'].includes(modifier))
  if (banned !== undefined) {
    report(
      node.start,
      `\`${parts.join('.')}\`; write the test, or use \`skipIf\` with the service that it needs`,
    )
  }
  // `it.each(table)` and `it.skipIf(condition)` are called once more, with the title.
  const last = modifiers.at(-1)
  const curried =
    last !== undefined && testModifiers.has(last) && asNode(node['callee'])?.type !== 'CallExpression'
  if (!testFunctions.has(base) || curried) return
  const title = titleOf(node['arguments'])
  if (title?.startsWith('should ') !== true) {
    report(node.start, `a test titled ${title ?? 'by an expression'}; begin the title with "should"`)
  }
}

/** The beginning of a title, as far as it is written out. */
function titleOf(callArguments: unknown): string | undefined {
  const first = asNode(Array.isArray(callArguments) ? callArguments[0] : undefined)
  if (first?.type === 'Literal' && typeof first['value'] === 'string') return first['value']
  if (first?.type !== 'TemplateLiteral' || !Array.isArray(first['quasis'])) return undefined
  const beginning = asNode(first['quasis'][0])?.['value']
  return typeof beginning === 'object' && beginning !== null && 'cooked' in beginning
    ? String(beginning.cooked)
    : undefined
}

/** The parts of what is called: it, each for `it.each(table)(…)`. */
function calledName(callee: unknown): string[] {
  const node = asNode(callee)
  if (node?.type === 'CallExpression') return calledName(node['callee'])
  return nameOf(node)?.split('.') ?? []
}

/** `a` or `a.b` for an identifier or a path of properties. */
function nameOf(value: unknown): string | undefined {
  const node = asNode(value)
  if (node?.type === 'Identifier') return String(node['name'])
  if (node?.type !== 'MemberExpression' || node['computed'] === true) return undefined
  const object = nameOf(node['object'])
  const property = nameOf(node['property'])
  if (object === undefined || property === undefined) return undefined
  return object === 'globalThis' ? property : `${object}.${property}`
}
