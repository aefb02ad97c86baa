// SPDX-License-Identifier: BSL-1.0
// See lock_owners.hpp. A table with open addressing, at most half full.
#include "lock_owners.hpp"

#include <pthread.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

#include "weft/detail/compiler.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

struct owned_lock {
  const void* lock;  // nullptr: free
  const detail::fiber* owner;
};

struct owner_table {
  std::size_t places;  // a power of two
  std::size_t used;
  owned_lock all[1];  // as many as there are places
};

constexpr std::size_t first_bytes = 4096;  // a page: 128 places and the head

[[gnu::tls_model("initial-exec")]] thread_local owner_table* owners_here = nullptr;
pthread_key_t owners_key;  // its destructor gives a thread's table back

std::size_t bytes_of(std::size_t places) noexcept {
  return offsetof(owner_table, all) + places * sizeof(owned_lock);
}

owner_table* map_table(std::size_t places) noexcept {
  void* const memory =
      mmap(nullptr, bytes_of(places), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* const made = static_cast<owner_table*>(memory);  // zero: all free
  made->places = places;
  return made;
}

void unmap_table(void* of_thread) noexcept {
  auto* const old = static_cast<owner_table*>(of_thread);
  if (old == owners_here) owners_here = nullptr;
  munmap(old, bytes_of(old->places));
}

std::size_t home_of(const owner_table& in, const void* lock) noexcept {
  const auto key = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(lock)) >> 3;
  return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15U) >> 32) & (in.places - 1);
}

// Its place, or the free one where it would stand.
WEFT_INLINE owned_lock& place_of(owner_table& in, const void* lock) noexcept {
  std::size_t at = home_of(in, lock);
  while (in.all[at].lock != nullptr && in.all[at].lock != lock) at = (at + 1) & (in.places - 1);
  return in.all[at];
}

// Room for one more.
bool make_room() noexcept {
  owner_table* const old = owners_here;
  if (WEFT_LIKELY(old != nullptr && 2 * (old->used + 1) <= old->places)) return true;
  std::size_t places = 128;
  static_assert(offsetof(owner_table, all) + 128 * sizeof(owned_lock) <= first_bytes);
  if (old != nullptr) places = 2 * old->places;
  owner_table* const made = map_table(places);
  if (made == nullptr) return false;
  for (std::size_t i = 0; old != nullptr && i < old->places; ++i) {
    if (old->all[i].lock != nullptr) place_of(*made, old->all[i].lock) = old->all[i];
  }
  if (old != nullptr) made->used = old->used;
  owners_here = made;
  pthread_setspecific(owners_key, made);  // ENOMEM: the page outlives its thread
  if (old != nullptr) munmap(old, bytes_of(old->places));
  return true;
}

}  // namespace

void prepare_owners() noexcept { pthread_key_create(&owners_key, &unmap_table); }

const detail::fiber* owner_of(const void* lock) noexcept {
  return owners_here != nullptr ? place_of(*owners_here, lock).owner : nullptr;
}

bool set_owner(const void* lock, const detail::fiber& owner) noexcept {
  if (!make_room()) return false;
  owned_lock& place = place_of(*owners_here, lock);
  if (place.lock == nullptr) ++owners_here->used;
  place = {lock, &owner};
  return true;
}

void forget_owner(const void* lock) noexcept {
  if (owners_here == nullptr) return;
  owner_table& own = *owners_here;
  owned_lock* hole = &place_of(own, lock);
  if (hole->lock == nullptr) return;
  --own.used;
  // Those behind move up, as far as they may: no marks of the deleted. (Knuth, 6.4, algorithm R)
  std::size_t free = static_cast<std::size_t>(hole - own.all);
  for (std::size_t at = free;;) {
    own.all[free] = owned_lock{nullptr, nullptr};
    do {
      at = (at + 1) & (own.places - 1);
      if (own.all[at].lock == nullptr) return;
      const std::size_t home = home_of(own, own.all[at].lock);
      const bool stays = free <= at ? free < home && home <= at : free < home || home <= at;
      if (!stays) break;
    } while (true);
    own.all[free] = own.all[at];
    free = at;
  }
}

}  // namespace hook
WEFT_NAMESPACE_END
