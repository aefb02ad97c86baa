// SPDX-License-Identifier: BSL-1.0
// A program that is linked with weft-hook, shared or static.
#include "program.hpp"

int main(int argc, char** argv) { return legacy_main(argc, argv); }
