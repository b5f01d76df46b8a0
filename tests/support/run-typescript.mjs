// Runs a TypeScript file as a process of its own, also under Node 20, which cannot: node run-typescript.mjs FILE ARGUMENT…
import { runnerImport } from 'vite'

await runnerImport(process.argv[2])
