// Writes the JSON schemas that kubeconform checks the chart's manifests with, one file a kind, closed against unknown fields:
// chart-schemas.js DIRECTORY SWAGGER_JSON CRD_DIRECTORY...
// The first is the OpenAPI v2 document of an API server; the others hold CustomResourceDefinitions as YAML.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'

const [directory, swaggerFile, ...crdDirectories] = process.argv.slice(2)
if (directory === undefined || swaggerFile === undefined) {
  console.error('usage: chart-schemas.js DIRECTORY SWAGGER_JSON CRD_DIRECTORY...')
  process.exit(2)
}

/** What OpenAPI v2 has no words for: it calls these texts, and the server takes numbers, too. */
const eitherWay = {
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { type: ['string', 'integer'] },
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: ['string', 'number'] },
}

// A directory that has its name has all of its files.
mkdirSync(dirname(directory), { recursive: true })
const work = mkdtempSync(`${directory}-`)
const schemas = [...ofServer(JSON.parse(readFileSync(swaggerFile, 'utf8')).definitions), ...ofCrds()]
for (const { kind, group, version, schema } of schemas) {
  const name = [kind, group.split('.')[0], version].filter((part) => part !== '').join('-')
  writeFileSync(join(work, `${name.toLowerCase()}.json`), JSON.stringify(schema))
}
renameSync(work, directory)
console.log(`${schemas.length} schemas in ${directory}`)

function* ofServer(definitions) {
  const closed = Object.fromEntries(
    Object.entries(definitions).map(([name, definition]) => [name, eitherWay[name] ?? strict(definition)]),
  )
  for (const [name, definition] of Object.entries(definitions)) {
    for (const { kind, group, version } of definition['x-kubernetes-group-version-kind'] ?? []) {
      const used = Object.fromEntries(
        [...referencesOf(name, definitions)].map((used) => [used, closed[used]]),
      )
      yield { kind, group, version, schema: { ...closed[name], definitions: used } }
    }
  }
}

/** Unknown fields are refused, and fields that need not be there may be null, as the server has it. */
function strict(definition) {
  const { properties, required = [] } = definition
  if (properties === undefined) return definition
  const entries = Object.entries(properties).map(([key, property]) => {
    const isOptional = typeof property.type === 'string' && !required.includes(key)
    return [key, isOptional ? { ...property, type: [property.type, 'null'] } : property]
  })
  return { ...definition, properties: Object.fromEntries(entries), additionalProperties: false }
}

/** The names of all definitions that one refers to, also by way of others. */
function referencesOf(name, definitions) {
  const found = new Set()
  const waiting = [name]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const [, reference] of JSON.stringify(definitions[next]).matchAll(/"#\/definitions\/([^"]+)"/g)) {
      if (found.has(reference)) continue
      found.add(reference)
      waiting.push(reference)
    }
  }
  return found
}

function* ofCrds() {
  for (const crds of crdDirectories) {
    for (const file of readdirSync(crds).filter((file) => file.endsWith('.yaml'))) {
      // Some lie there with lines for a chart around, which are comments or texts to YAML but for those that hold nothing else.
      const text = readFileSync(join(crds, file), 'utf8').replaceAll(/^\s*\{\{.*\}\}\s*$/gm, '')
      const { kind, spec } = parse(text)
      if (kind !== 'CustomResourceDefinition') continue
      for (const { name: version, schema } of spec.versions) {
        const root = closedCrd(schema.openAPIV3Schema)
        const properties = { ...root.properties, metadata: { type: 'object' } }
        yield { kind: spec.names.kind, group: spec.group, version, schema: { ...root, properties } }
      }
    }
  }
}

/** The server drops what it does not know; here it is a mistake. */
function closedCrd(node) {
  if (Array.isArray(node)) return node.map(closedCrd)
  if (node === null || typeof node !== 'object') return node
  const schema = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closedCrd(value)]))
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'] === true || 'additionalProperties' in schema
  if (typeof schema.properties !== 'object' || typeof schema.type !== 'string' || isOpen) return schema
  return { ...schema, additionalProperties: false }
}
