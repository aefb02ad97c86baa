// SPDX-License-Identifier: BSL-1.0
// The client program, however it is linked: main() of client.cpp, or looked up in a plugin by
// host.cpp.
#pragma once

// client list                          the rows that were built, one a line
// client hooks                         which functions come here: `hooks active`, or why not
// client measure ROW COUNT SERIALLY    so many clients at once, after so many one by one
// client threads ROW COUNT             so many clients at once, each on a thread
// client cancel ROW                    a call of seconds, ended after 100 ms
// client mixed                         one client of each row at once, after one by one
// Prints one line `word key=value ...`. Status 0 if all that came back was right.
extern "C" __attribute__((visibility("default"))) int legacy_main(int argc, char** argv);
