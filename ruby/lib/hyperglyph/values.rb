# frozen_string_literal: true

require "set"
require_relative "values/bytes"
require_relative "values/frozen_set"
require_relative "values/ordered_hash"
require_relative "values/duration"
require_relative "values/period"
require_relative "values/extension"
require_relative "values/blob"
require_relative "hypermedia"
