/* SPDX-License-Identifier: BSL-1.0
 * What the C half of the test offers to the C++ half. */
#ifndef WEFT_TESTS_C_INTERFACE_PROGRAM_H
#define WEFT_TESTS_C_INTERFACE_PROGRAM_H

struct c_case {
  const char* name;
  int (*run)(void* unused); /* 0, or the line that failed */
};

#if defined(__cplusplus)
extern "C"
#else
extern
#endif
    const struct c_case c_cases[]; /* ends with a null name */

#endif
