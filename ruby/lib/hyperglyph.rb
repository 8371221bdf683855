# frozen_string_literal: true

require_relative "hyperglyph/version"
require_relative "hyperglyph/codec"
require_relative "hyperglyph/http/deadline"

# Duck-typed calls over plain HTTP: values in messages that people can read, and pages with links
# and forms that are called like methods.
module Hyperglyph
  autoload :Client, "#{__dir__}/hyperglyph/client"
  # Of the server: what a service is made of.
  %i[Server Router Resource Failure].each { |name| autoload name, "#{__dir__}/hyperglyph/server" }

  # The page at a URL, by a client that has these options (Client.new).
  def self.get(url, **options)
    (options.empty? ? Client.default : Client.new(**options)).get(url)
  end

  # Runs the block; all calls in it, together, have so many seconds.
  def self.deadline(seconds, &block)
    HTTP::Deadline.within(seconds, &block)
  end

  # The canonical message for `value`. Codec::EncodeError for what has no encoding.
  def self.dump(value)
    Codec.encode(value, canonical: true)
  end

  # The value of a message, a String or an IO. Codec::DecodeError for all that is no message.
  def self.load(message)
    Codec.decode(message)
  end
end
