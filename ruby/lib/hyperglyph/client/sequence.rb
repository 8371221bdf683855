# frozen_string_literal: true

module Hyperglyph
  class Client
    # A result that comes item by item (standard, section 20.2). It can be gone through once.
    #
    #   root.count(to: 5).each { |number| ... }   # or first(3), lazy, and all that Enumerable has
    #   sequence.next                             # one item; StopIteration behind the last one
    #
    # Leaving `each` before the end closes the connection, and so does `close`. Each item may take as long as a call.
    class Sequence
      include Enumerable

      def initialize(client, page, body)
        @client = client
        @page = page
        @body = body
        @rest = "".b
        @ended = false
        @lock = Mutex.new
      end

      # Yields the items that are left. Raises the error that the sequence ends with, if it does, behind the last
      # item (REQ-SEQ-3, REQ-SEQ-4).
      def each
        return enum_for(:each) unless block_given?

        begin
          while (taken = take_one)
            yield taken.first
          end
        ensure
          close
        end
        self
      end

      # The next item, or StopIteration. May be called by many threads: each item goes to one of them.
      def next
        taken = take_one or raise StopIteration, "the sequence has ended"
        taken.first
      end

      # Leaves it: the items that have not been taken are lost.
      def close
        @lock.synchronize { give_up }
      end

      def inspect
        "#<#{self.class} of #{@page.url}#{' (ended)' if @ended}>"
      end

      private

      # The next item in an Array, nil if there is none.
      def take_one
        @lock.synchronize do
          item unless @ended
        rescue Error
          give_up
          raise
        end
      end

      def give_up
        @ended = true
        @body.close
      end

      # Each is a page of its own (REQ-SEQ-8).
      def item
        value = message
        return last(value) if value.is_a?(Extension) && value.name == "end"

        [Page.new(@client, @page.url, public: @page.public?).value(value)]
      end

      def deadline
        HTTP::Deadline.current.sooner(@client.timeout)
      end

      # One message off the body; what has come behind it stays for the next one.
      def message
        until_when = deadline
        decoder = Codec::Decoder.new(limits: @client.limits, followed: true)
        decoder.feed(@rest) unless @rest.empty?
        until decoder.complete?
          piece = @body.read(until_when) or cut
          decoder.feed(piece)
        end
        @rest = decoder.rest
        decoder.finish
      rescue Codec::DecodeError => e
        raise MalformedAnswer, "an item of the sequence: #{e.message}"
      ensure
        decoder&.close unless decoder&.finished?
      end

      # REQ-SEQ-4 and REQ-SEQ-5.
      def last(value)
        content = value.content
        failure = content.is_a?(Extension) && content.name == "error"
        raise MalformedAnswer, "the end of a sequence holds nil or an error" unless content.nil? || failure

        nothing_follows
        @ended = true
        return if content.nil?

        error = @page.value(content)
        status = value["status"]
        status = 500 unless status.is_a?(Integer) && status.between?(100, 999)
        raise StatusError.for(status, reason: error.message, logref: error.logref, code: error.code,
                                      content: error.content)
      end

      def nothing_follows
        until_when = deadline
        piece = @rest
        loop do
          raise MalformedAnswer, "something follows the end of the sequence" unless piece.match?(/\A[ \t\v\r\n]*\z/n)

          piece = @body.read(until_when) or break
        end
      end

      def cut
        raise TransportError.new("the sequence breaks off before its end", outcome: :done)
      end
    end
  end
end
