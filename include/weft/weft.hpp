// SPDX-License-Identifier: BSL-1.0
// The core of weft in one include. Layer: all.
// debug.hpp, testing.hpp and stack_source.hpp are included by those who need them.
#pragma once

#include "weft/await.hpp"
#include "weft/background_loop.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/exception_group.hpp"
#include "weft/future.hpp"
#include "weft/gather.hpp"
#include "weft/interval.hpp"
#include "weft/loop_pool.hpp"
#include "weft/loop_ref.hpp"
#include "weft/options.hpp"
#include "weft/outcome.hpp"
#include "weft/race.hpp"
#include "weft/report.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/task_group.hpp"
#include "weft/this_fiber.hpp"
#include "weft/time.hpp"
#include "weft/to_thread.hpp"
#include "weft/version.hpp"
#include "weft/wait.hpp"
#include "weft/with_stack.hpp"
