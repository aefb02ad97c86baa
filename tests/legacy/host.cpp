// SPDX-License-Identifier: BSL-1.0
// A program that knows nothing of weft, which comes with a plugin: host PLUGIN ARGUMENTS.
#include <dlfcn.h>

#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
  void* const plugin = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : nullptr;
  void* const symbol = plugin != nullptr ? dlsym(plugin, "legacy_main") : nullptr;
  if (symbol == nullptr) {
    const char* const why = dlerror();
    std::printf("wrong: %s\n", why != nullptr ? why : "no plugin was named");
    return 2;
  }
  int (*start)(int, char**) = nullptr;
  static_assert(sizeof start == sizeof symbol);
  std::memcpy(&start, &symbol, sizeof start);
  return start(argc - 1, argv + 1);
}
