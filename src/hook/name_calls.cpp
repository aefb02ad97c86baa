// SPDX-License-Identifier: BSL-1.0
// getaddrinfo and its like go to a thread: inside, glibc reads its files and asks servers by calls
// of its own that nobody can stand before. What is a number already is done here. Layer: hook.
//
// The job owns copies of all that it reads and writes, so that a cancelled caller leaves at once.
#include <arpa/inet.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "kept.hpp"
#include "lookups.hpp"
#include "offload.hpp"
#include "real.hpp"
#include "weft/fiber_local.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

bool is_number(const char* service) noexcept {
  return service == nullptr || std::strspn(service, "0123456789") == std::strlen(service);
}
bool is_address(const char* host) noexcept {
  unsigned char memory[sizeof(in6_addr)];
  return host == nullptr || inet_pton(AF_INET, host, memory) == 1 ||
         inet_pton(AF_INET6, host, memory) == 1;
}

int cancelled_lookup() noexcept {
  errno = ECANCELED;
  return EAI_SYSTEM;
}

// A job that a thread may have to destroy, on the heap.
template <class Job>
struct owned_job : detail::thread_job {
  owned_job() noexcept
      : thread_job([](thread_job& self) { static_cast<Job&>(self).call_real(); },
                   [](thread_job& self) noexcept { delete &static_cast<Job&>(self); }) {}
};

// Runs it. False: the caller was cancelled, and the job is somebody else's, or gone.
template <class Job>
bool run_owned(loop& here, function_id id, std::unique_ptr<Job>& one) noexcept {
  const int refused = run_offloaded(here, id, *one);
  if (refused == -EINPROGRESS) static_cast<void>(one.release());
  if (refused == -EAGAIN) one->call_real();  // it blocks, as without hooks
  return refused == 0 || refused == -EAGAIN;
}

// -- getnameinfo --

struct name_of_address : owned_job<name_of_address> {
  sockaddr_storage of{};
  socklen_t of_bytes = 0;
  int flags = 0;
  char host[NI_MAXHOST] = {};
  char service[NI_MAXSERV] = {};
  socklen_t host_room = 0;
  socklen_t service_room = 0;
  int result = 0;
  int error = 0;

  void call_real() noexcept {
    errno = 0;
    result = real::getnameinfo(reinterpret_cast<sockaddr*>(&of), of_bytes,
                               host_room != 0 ? host : nullptr, host_room,
                               service_room != 0 ? service : nullptr, service_room, flags);
    error = errno;
  }
};

int name_as_fiber(loop& here, const sockaddr* of, socklen_t of_bytes, char* host,
                  socklen_t host_room, char* service, socklen_t service_room, int flags) {
  std::unique_ptr<name_of_address> one(new (std::nothrow) name_of_address);
  if (one == nullptr) return EAI_MEMORY;
  std::memcpy(&one->of, of, of_bytes);
  one->of_bytes = of_bytes;
  one->flags = flags;
  if (host != nullptr) one->host_room = std::min<socklen_t>(host_room, sizeof one->host);
  if (service != nullptr) {
    one->service_room = std::min<socklen_t>(service_room, sizeof one->service);
  }
  if (!run_owned(here, function_id::getnameinfo, one)) return cancelled_lookup();
  if (one->result == EAI_SYSTEM) errno = one->error;
  if (one->result == 0) {
    if (one->host_room != 0) std::memcpy(host, one->host, std::strlen(one->host) + 1);
    if (one->service_room != 0) {
      std::memcpy(service, one->service, std::strlen(one->service) + 1);
    }
  }
  return one->result;
}

// -- gethostbyname and its like --

// What one of them is asked.
struct host_question {
  enum class by : std::uint8_t { name, name_and_family, address } how{};
  std::string key;  // a name, or an address's bytes
  int family = AF_INET;
};

struct host_lookup : owned_job<host_lookup> {
  host_question what;
  std::vector<char> memory;
  hostent entry{};
  hostent* found = nullptr;
  int result = 0;
  int host_error = 0;

  void call_real() noexcept {
    const char* const key = what.key.c_str();
    char* const to = memory.data();
    const std::size_t room = memory.size();
    switch (what.how) {
      case host_question::by::name:
        result = real::gethostbyname_r(key, &entry, to, room, &found, &host_error);
        return;
      case host_question::by::name_and_family:
        result = real::gethostbyname2_r(key, what.family, &entry, to, room, &found, &host_error);
        return;
      case host_question::by::address:
        result = real::gethostbyaddr_r(key, static_cast<socklen_t>(what.key.size()), what.family,
                                       &entry, to, room, &found, &host_error);
        return;
    }
  }
};

// The caller's memory gets the same bytes, and its pointers point there.
void move_entry(const host_lookup& from, hostent& to, char* memory) noexcept {
  std::memcpy(memory, from.memory.data(), from.memory.size());
  const auto moved = [&](const void* at) {
    return memory + (static_cast<const char*>(at) - from.memory.data());
  };
  const auto move_all = [&](char** list) {
    if (list == nullptr) return static_cast<char**>(nullptr);
    char** const here = reinterpret_cast<char**>(moved(list));
    for (char** one = here; *one != nullptr; ++one) *one = moved(*one);
    return here;
  };
  to = from.entry;
  if (from.entry.h_name != nullptr) to.h_name = moved(from.entry.h_name);
  to.h_aliases = move_all(from.entry.h_aliases);
  to.h_addr_list = move_all(from.entry.h_addr_list);
}

// As gethostbyname_r: 0 or an error, ERANGE if `bytes` are too few.
int host_as_fiber(loop& here, function_id id, host_question what, hostent& entry, char* memory,
                  std::size_t bytes, hostent*& found, int& host_error) noexcept {
  found = nullptr;
  host_error = NETDB_INTERNAL;
  try {
    auto one = std::make_unique<host_lookup>();
    one->what = std::move(what);
    one->memory.resize(bytes);
    if (!run_owned(here, id, one)) return errno = ECANCELED;
    host_error = one->host_error;
    if (one->found != nullptr) {
      move_entry(*one, entry, memory);
      found = &entry;
    }
    return one->result;
  } catch (const std::bad_alloc&) {
    return errno = ENOMEM;
  }
}

// What the functions without memory of their caller's answer with; one for each fiber.
struct host_answer {
  std::uint64_t owner = 0;  // a fiber begins with its parent's, and makes its own
  const loop_core* home = nullptr;
  hostent entry{};
  std::vector<char> memory = std::vector<char>(1024);
};

host_answer& answer_of(loop& here) {
  const auto& variable = kept<fiber_local<std::shared_ptr<host_answer>>>();
  const std::shared_ptr<host_answer>* const known = variable.find();
  if (known != nullptr && (*known)->owner == here.current->id && (*known)->home == &here) {
    return **known;
  }
  auto made = std::make_shared<host_answer>();
  made->owner = here.current->id;
  made->home = &here;
  variable.set(made);
  return *made;
}

hostent* host_for_fiber(loop& here, function_id id, const host_question& what) noexcept {
  try {
    host_answer& answer = answer_of(here);
    hostent* found = nullptr;
    int host_error = 0;
    while (host_as_fiber(here, id, what, answer.entry, answer.memory.data(), answer.memory.size(),
                         found, host_error) == ERANGE &&
           host_error == NETDB_INTERNAL) {
      answer.memory.resize(2 * answer.memory.size());
    }
    if (found == nullptr) h_errno = host_error;
    return found;
  } catch (const std::bad_alloc&) {
    errno = ENOMEM;
    h_errno = NETDB_INTERNAL;
    return nullptr;
  }
}

host_question by_name(const char* name) { return {host_question::by::name, name, AF_INET}; }
host_question by_name(const char* name, int family) {
  return {host_question::by::name_and_family, name, family};
}
host_question by_address(const void* address, socklen_t bytes, int family) {
  return {host_question::by::address, std::string(static_cast<const char*>(address), bytes),
          family};
}

loop* loop_for_names(function_id id) noexcept {
  loop* const here = fiber_loop(tier::names, id);
  return here != nullptr && !must_block(*here) ? here : nullptr;
}

}  // namespace
}  // namespace hook
WEFT_NAMESPACE_END

using namespace weft::hook;

extern "C" {

WEFT_API int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                         addrinfo** to) {
  loop* const here = loop_for_names(function_id::getaddrinfo);
  if (here == nullptr || (is_address(host) && is_number(service))) {
    return real::getaddrinfo(host, service, hints, to);
  }
  const int error = look_up(*here, host, service, hints, to);
  return error != lookup_cancelled ? error : cancelled_lookup();
}

WEFT_API int getnameinfo(const sockaddr* of, socklen_t of_bytes, char* host, socklen_t host_room,
                         char* service, socklen_t service_room, int flags) {
  constexpr int numbers = NI_NUMERICHOST | NI_NUMERICSERV;
  loop* const here = loop_for_names(function_id::getnameinfo);
  if (here == nullptr || of == nullptr || of_bytes > sizeof(sockaddr_storage) ||
      (flags & numbers) == numbers) {
    return real::getnameinfo(of, of_bytes, host, host_room, service, service_room, flags);
  }
  return name_as_fiber(*here, of, of_bytes, host, host_room, service, service_room, flags);
}

WEFT_API hostent* gethostbyname(const char* name) {
  loop* const here = loop_for_names(function_id::gethostbyname);
  if (here == nullptr) return real::gethostbyname(name);
  return host_for_fiber(*here, function_id::gethostbyname, by_name(name));
}

WEFT_API hostent* gethostbyname2(const char* name, int family) {
  loop* const here = loop_for_names(function_id::gethostbyname2);
  if (here == nullptr) return real::gethostbyname2(name, family);
  return host_for_fiber(*here, function_id::gethostbyname2, by_name(name, family));
}

WEFT_API hostent* gethostbyaddr(const void* address, socklen_t bytes, int family) {
  loop* const here = loop_for_names(function_id::gethostbyaddr);
  if (here == nullptr) return real::gethostbyaddr(address, bytes, family);
  return host_for_fiber(*here, function_id::gethostbyaddr, by_address(address, bytes, family));
}

WEFT_API int gethostbyname_r(const char* name, hostent* entry, char* memory, size_t bytes,
                             hostent** to, int* error) {
  loop* const here = loop_for_names(function_id::gethostbyname_r);
  if (here == nullptr) return real::gethostbyname_r(name, entry, memory, bytes, to, error);
  return host_as_fiber(*here, function_id::gethostbyname_r, by_name(name), *entry, memory, bytes,
                       *to, *error);
}

WEFT_API int gethostbyname2_r(const char* name, int family, hostent* entry, char* memory,
                              size_t bytes, hostent** to, int* error) {
  loop* const here = loop_for_names(function_id::gethostbyname2_r);
  if (here == nullptr) {
    return real::gethostbyname2_r(name, family, entry, memory, bytes, to, error);
  }
  return host_as_fiber(*here, function_id::gethostbyname2_r, by_name(name, family), *entry, memory,
                       bytes, *to, *error);
}

WEFT_API int gethostbyaddr_r(const void* address, socklen_t address_bytes, int family,
                             hostent* entry, char* memory, size_t bytes, hostent** to, int* error) {
  loop* const here = loop_for_names(function_id::gethostbyaddr_r);
  if (here == nullptr) {
    return real::gethostbyaddr_r(address, address_bytes, family, entry, memory, bytes, to, error);
  }
  return host_as_fiber(*here, function_id::gethostbyaddr_r,
                       by_address(address, address_bytes, family), *entry, memory, bytes, *to,
                       *error);
}

}  // extern "C"
