/**
 * The client's picture of the HTTP API and the node's own are written apart; here they are held
 * against each other.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as batch from '../../../src/adapters/http/batch.ts'
import type { BatchResult } from '../../../src/adapters/http/batch-operation.ts'
import type * as bucketRoutes from '../../../src/adapters/http/bucket-routes.ts'
import type * as clusterRoutes from '../../../src/adapters/http/cluster-routes.ts'
import type { ExplainJson } from '../../../src/adapters/http/explain-json.ts'
import type * as accessRoutes from '../../../src/adapters/http/access-routes.ts'
import type { ClusterKeysJson, KeyChangeJson } from '../../../src/adapters/http/key-routes.ts'
import type { HintsJson } from '../../../src/adapters/http/hints-routes.ts'
import type { LeaveJson } from '../../../src/adapters/http/leave-routes.ts'
import type { RepairJson, RepairRunJson } from '../../../src/adapters/http/repair-routes.ts'
import { METADATA_PREFIX } from '../../../src/adapters/http/metadata.ts'
import type { Problem } from '../../../src/adapters/http/problem.ts'
import type { SiblingJson, ValueJson } from '../../../src/adapters/http/value-json.ts'
import type { BucketProperties } from '../../../src/core/node/messages.ts'
import type * as access from './access-api.ts'
import type * as api from './api.ts'
import type * as explain from './explain.ts'
import { BATCH_BYTES_MAX, BATCH_OPERATIONS_MAX, METADATA_HEADER_PREFIX } from './api.ts'

/** Does not compile unless every `From` is a `To`. */
type Is<From extends To, To> = From

/** What the node sends is what the client expects. Nobody runs this: the compiler does. */
export type Sent = [
  Is<Problem, api.ProblemJson>,
  Is<accessRoutes.UsersJson, access.UsersJson>,
  Is<accessRoutes.TokensJson, access.TokensJson>,
  Is<accessRoutes.AccessChangeJson, access.AccessChangeJson>,
  Is<accessRoutes.NewTokenJson, access.NewTokenJson>,
  Is<accessRoutes.WhoAmIJson, access.WhoAmIJson>,
  Is<ValueJson, api.ValueJson>,
  Is<SiblingJson, api.SiblingJson>,
  Is<BatchResult, api.BatchResultJson>,
  Is<BucketProperties, api.BucketPropertiesJson>,
  Is<bucketRoutes.BucketJson, api.BucketJson>,
  Is<clusterRoutes.ClusterJson, api.ClusterJson>,
  Is<clusterRoutes.LayoutJson, api.LayoutJson>,
  Is<LeaveJson, api.LeaveJson>,
  Is<HintsJson, api.HintsJson>,
  Is<RepairJson, api.RepairJson>,
  Is<RepairRunJson, api.RepairRunJson>,
  Is<ExplainJson, explain.ExplainJson>,
  Is<ClusterKeysJson, api.ClusterKeysJson>,
  Is<KeyChangeJson, api.KeyChangeJson>,
]

test('limits and names are the same on both sides', () => {
  assert.equal(BATCH_OPERATIONS_MAX, batch.BATCH_OPERATIONS_MAX)
  assert.equal(BATCH_BYTES_MAX, batch.BATCH_BYTES_MAX)
  assert.equal(METADATA_HEADER_PREFIX, METADATA_PREFIX)
})
