/** Prints the closing line of a test run from vitest's JSON report: `N passed, N failed, N skipped`. */
import { readFileSync } from 'node:fs'

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const failedSuites = report.testResults.filter(
  (suite) => suite.status === 'failed' && suite.assertionResults.length === 0,
)
for (const suite of failedSuites) console.log(`did not run: ${suite.name}`)
const skipped = report.testResults.flatMap((suite) =>
  suite.assertionResults.filter(
    ({ status }) => status === 'pending' || status === 'skipped' || status === 'todo',
  ),
)
for (const { fullName } of skipped) console.log(`skipped: ${fullName}`)
const failed = report.numFailedTests + failedSuites.length
console.log(`${report.numPassedTests} passed, ${failed} failed, ${skipped.length} skipped`)
