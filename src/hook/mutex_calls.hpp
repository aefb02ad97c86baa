// SPDX-License-Identifier: BSL-1.0
// What condition variables need of mutexes. Layer: hook.
#pragma once

#include <pthread.h>

#include "gate.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {

// Takes it as the running fiber, however long that lasts. `place` is named to who watches.
int lock_mutex_again(loop& here, pthread_mutex_t* m, const void* place) noexcept;

int unlock_mutex(loop_core& here, pthread_mutex_t* m) noexcept;

}  // namespace hook
WEFT_NAMESPACE_END
